#!/bin/bash
# Step: replaces identifiers in files by tokens (HMAC-SHA256), before anything else on the cluster reads them.
#
#   tokenise.sh SPEC_URI REGION
#
# SPEC_URI is a JSON object in S3: protocol 1, secret_id and version_id of the key, inputs (url and rows of each file:
# JSON lines or CSV, plain, gzip or bzip2), format, columns (CSV's, in order), tokens (by column: kind, and the name of
# the column that takes its place), output (a prefix), kms_key_arn. The key is read here, under the cluster's role, and
# stays in this process's memory: it is no argument, in no environment, file or log. No row is logged either.
#
# Protocol 2 has withheld too (uri and etag of a file with one key in each line, as text or as a JSON string, and
# column): a row that has one of the keys in that column, tokens in place of identifiers, is counted and not written.
#
# Leaves OUTPUT/part-NNNNN.FORMAT.bz2, which Hadoop splits, and last of all OUTPUT/manifest, in the form of UNLOAD's
# verbose manifest with the key's version; and <directory of SPEC_URI>/result.json, protocol 1, whatever happened.
# Ends with 0, or with 3 when the secret's current version is another one than version_id, 4 for the key, 5 for rows;
# with 11 where the withheld keys cannot be read as they were, 12 where there are none.
# Memory does not grow with the files: one row, and the buffers of one file, for each core.
# Sources: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html,
# https://csrc.nist.gov/pubs/fips/198-1/final
set -euo pipefail

usage="usage: tokenise.sh SPEC_URI REGION"
export AWS_REGION="${2:?${usage}}" AWS_DEFAULT_REGION="${2}"

exec python3 - "${1:?${usage}}" <<'PY'
import bz2, csv, gzip, hmac, io, json, os, signal, subprocess, sys, tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context

TOKEN_CHARACTERS = 32
KEY_CHARACTERS_MIN = 16
READ_BYTES = 1 << 20
KEY_VERSION, KEY, ROWS, WITHHELD, NO_KEYS = 3, 4, 5, 11, 12
OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open))


class Problem(Exception):
    """What ends the step: its exit status, and words without a value of any row."""


def aws(*command, **options):
    return subprocess.run(("aws",) + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def put(url, document, key_arn):
    encryption = ("--sse", "aws:kms", "--sse-kms-key-id", key_arn)
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    aws("s3", "cp", "--only-show-errors", *encryption, "-", url, input=body, check=True)


def key_of(spec):
    """The key's bytes, once its current version is the one that the tokens in the datasource were made with."""
    asked = aws("secretsmanager", "get-secret-value", "--secret-id", spec["secret_id"], "--output", "json")
    if asked.returncode:
        said = asked.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Problem(KEY, "the key cannot be read: " + (said[-1] if said else "no reason given"))
    secret = json.loads(asked.stdout)
    if secret["VersionId"] != spec["version_id"]:
        raise Problem(KEY_VERSION, f"the key's version is {secret['VersionId']}, not {spec['version_id']}")
    if len(secret.get("SecretString", "")) < KEY_CHARACTERS_MIN:
        raise Problem(KEY, f"the key is no text of {KEY_CHARACTERS_MIN} characters or more")
    return secret["SecretString"].encode()


def withheld_of(spec):
    """The keys by column whose rows are left out, if each file of them is still the one of its etag."""
    found = {}
    for each in spec["withheld"] if spec["protocol"] == 2 else ():
        found.setdefault(each["column"], set()).update(read_keys(each))
    return found


def read_keys(place):
    bucket, _, key = place["uri"].removeprefix("s3://").partition("/")
    with tempfile.TemporaryDirectory(prefix="keys-") as work:
        asked = ("--bucket", bucket, "--key", key, "--if-match", place["etag"], f"{work}/keys")
        if aws("s3api", "get-object", *asked).returncode:
            raise Problem(WITHHELD, f"withheld keys cannot be read, or are not those of the etag: {place['uri']}")
        try:
            with open(f"{work}/keys", encoding="utf-8-sig") as file:
                lines = [line.strip() for line in file]
            keys = {str(json.loads(line)) if line.startswith('"') else line for line in lines if line}
        except ValueError as unread:
            # Not the exception's own words: they quote a key.
            raise Problem(NO_KEYS, f"a line of the withheld keys is no text ({type(unread).__name__})") from None
    if not keys:
        raise Problem(NO_KEYS, f"no key is in {place['uri']}")
    return keys


def is_withheld(row, withheld):
    values = ((row.get(column), keys) for column, keys in withheld.items())
    return any(str(each) in keys for value, keys in values for each in (value if isinstance(value, list) else [value]))


def token(key, kind, identifier):
    """Equal to druid_reindex.sandbox.tokens.token, with which events are tokenised before they are ingested."""
    return hmac.new(key, f"{kind}:{identifier}".encode(), "sha256").hexdigest()[:TOKEN_CHARACTERS]


def replaced(row, spec, key):
    for column, wanted in spec["tokens"].items():
        value = row.pop(column)
        row[wanted["name"]] = None if value is None or value == "" else token(key, wanted["kind"], str(value))
    return row


def json_lines(lines, spec, key, withheld):
    """The lines as they are written; an empty one for a row that is withheld."""
    for line in lines:
        if line.strip():
            row = replaced(json.loads(line), spec, key)
            kept = not is_withheld(row, withheld)
            yield json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" if kept else ""


def csv_lines(lines, spec, key, withheld):
    names = {column: wanted["name"] for column, wanted in spec["tokens"].items()}
    for values in csv.reader(lines, strict=True):
        if len(values) != len(spec["columns"]) or any("\n" in value or "\r" in value for value in values):
            raise ValueError
        row = replaced(dict(zip(spec["columns"], values)), spec, key)
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerow(row[names.get(column, column)] for column in spec["columns"])
        yield "" if is_withheld(row, withheld) else written.getvalue()


def plain(stream):
    """The text of a file, whichever way it is compressed."""
    buffered = io.BufferedReader(stream, READ_BYTES)
    opener = next((opened for magic, opened in OPENERS if buffered.peek(3).startswith(magic)), None)
    return io.TextIOWrapper(opener(buffered) if opener else buffered, encoding="utf-8", newline="")


def compressed(lines, sink):
    """Write the lines; return how many there are, how many of them are empty, and the bytes that they have become."""
    packer, rows, empty, size = bz2.BZ2Compressor(), 0, 0, 0
    for line in lines:
        packed = packer.compress(line.encode())
        size, rows, empty = size + len(packed), rows + 1, empty + (not line)
        sink.write(packed)
    packed = packer.flush()
    sink.write(packed)
    return rows, empty, size + len(packed)


def tokenise(number, spec, key, withheld):
    """The manifest's entry of one file, once it is there whole, and how many of its rows were withheld."""
    source, made = spec["inputs"][number], f"{spec['output']}part-{number:05}.{spec['format']}.bz2"
    encryption = ("--sse", "aws:kms", "--sse-kms-key-id", spec["kms_key_arn"])
    quiet = ("aws", "s3", "cp", "--only-show-errors")
    down = subprocess.Popen((*quiet, source["url"], "-"), stdout=subprocess.PIPE, bufsize=0)
    up = subprocess.Popen((*quiet, *encryption, "-", made), stdin=subprocess.PIPE)
    transformed = {"json": json_lines, "csv": csv_lines}[spec["format"]]
    rows = -1
    try:
        rows, left_out, size = compressed(transformed(plain(down.stdout), spec, key, withheld), up.stdin)
        if down.wait():
            raise Problem(ROWS, f"file {number} cannot be read whole")
        if rows != source["rows"]:
            raise Problem(ROWS, f"file {number} has {rows} rows, where its manifest says {source['rows']}")
        up.stdin.close()
        if up.wait():
            raise Problem(ROWS, f"file {number} cannot be written")
    except (ValueError, TypeError, KeyError, AttributeError, EOFError, OSError, csv.Error) as unread:
        # Not the exception's own words: they may quote a row.
        raise Problem(ROWS, f"file {number} holds something else than rows of {spec['format']} "
                            f"with {', '.join(spec['tokens'])} ({type(unread).__name__})") from None
    finally:
        for process in (down, up):
            if process.poll() is None:
                process.kill()
                process.wait()
    return {"url": made, "meta": {"content_length": size, "record_count": rows - left_out}}, left_out


def run(spec):
    key, withheld = key_of(spec), withheld_of(spec)
    numbers = range(len(spec["inputs"]))
    with ProcessPoolExecutor(os.cpu_count(), get_context("fork")) as pool:
        waiting = [pool.submit(tokenise, number, spec, key, withheld) for number in numbers]
        try:
            entries, left_out = zip(*(each.result() for each in waiting)) if waiting else ((), ())
        except BaseException:
            for each in waiting:
                each.cancel()
            raise
    rows = sum(entry["meta"]["record_count"] for entry in entries)
    manifest = {"entries": entries, "meta": {"record_count": rows, "key_version": spec["version_id"]}}
    put(f"{spec['output']}manifest", manifest, spec["kms_key_arn"])
    told = {"rows": rows, "files": len(entries), "key_version": spec["version_id"]}
    return told | ({"withheld": sum(left_out)} if spec["protocol"] == 2 else {})


def stop(*_):
    """EMR has asked the step to end: nobody waits for its workers, and nothing reads what they have begun."""
    for worker in active_children():
        worker.kill()
    raise SystemExit(143)


def main(spec_uri):
    read = aws("s3", "cp", "--only-show-errors", spec_uri, "-", check=True)
    spec = json.loads(read.stdout)
    status, told = 1, {"problem": "it did not come to an end"}
    try:
        if spec["protocol"] not in (1, 2):
            raise Problem(1, "this script reads protocols 1 and 2")
        told, status = run(spec), 0
    except Problem as problem:
        status, told = problem.args[0], {"problem": problem.args[1]}
        print(problem.args[1], file=sys.stderr)
    finally:
        result = {"protocol": 1, "exit_code": status, **told}
        put(f"{spec_uri.rpartition('/')[0]}/result.json", result, spec["kms_key_arn"])
    return status


signal.signal(signal.SIGTERM, stop)
sys.exit(main(sys.argv[1]))
PY
