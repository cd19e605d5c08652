#!/bin/bash
# Step: writes the rows of a table or a query of a PostgreSQL database as files that split, in parts side by side.
#
#   unload_jdbc.sh SPEC_URI REGION
#
# SPEC_URI is a JSON object in S3: protocol 1, database (host, port, name), secret_id (JSON: username, password), ca
# (PEM), jars (url, sha256: the driver's), program (url, sha256: UnloadJdbc.java), source (table and columns, or query),
# split (column, parts; perhaps lower and upper) or null, connections, fetch_rows, format (json or csv), label, output
# (a prefix), kms_key_arn. The secret is read here, under the cluster's role, and given to Java on its standard input:
# it is no argument, in no environment, file or log. No row is logged either. Only TLS is spoken, with a certificate of
# that CA for that host. All parts see one snapshot; rows whose split column is NULL are a part of their own.
#
# Leaves OUTPUT/part-NNNNN.FORMAT.bz2, which Hadoop splits, and last of all OUTPUT/manifest, in the form of UNLOAD's
# verbose manifest; and <directory of SPEC_URI>/result.json, protocol 1, whatever happened. Ends with 0, or with 4 for
# the secret, 5 for another digest, 7 for the login, 8 for the certificate, 9 for the table, column or query, 10 for a
# connection that failed. Memory does not grow with the table: fetch_rows rows, and one JVM, for each connection.
# Java 17 compiles the program itself; where it is no JDK, Eclipse's compiler does, if it is one of the jars.
# Sources: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html,
# https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-standard-support.html (Corretto JDK)
set -euo pipefail

usage="usage: unload_jdbc.sh SPEC_URI REGION"
export AWS_REGION="${2:?${usage}}" AWS_DEFAULT_REGION="${2}"

exec python3 - "${1:?${usage}}" <<'PY'
import bz2, glob, hashlib, json, os, signal, subprocess, sys, tempfile, threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

SECRET, DIGEST, LOGIN, REQUEST, CONNECTION = 4, 5, 7, 9, 10
READ_BYTES = 1 << 18
HEAP = ("-Xmx192m", "-Xss1m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
ZONE = ("-Duser.timezone=UTC", "-Dfile.encoding=UTF-8")
ECLIPSE = "org.eclipse.jdt.internal.compiler.batch.Main"
RUNNING, STOPPED = set(), threading.Event()


class Problem(Exception):
    """What ends the step: its exit status, and words without a value of any row."""


def aws(*command, **options):
    return subprocess.run(("aws",) + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def encrypted(spec):
    return ("--sse", "aws:kms", "--sse-kms-key-id", spec["kms_key_arn"])


def put(url, document, spec):
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    aws("s3", "cp", "--only-show-errors", *encrypted(spec), "-", url, input=body, check=True)


def login_of(spec):
    asked = aws("secretsmanager", "get-secret-value", "--secret-id", spec["secret_id"], "--output", "json")
    if asked.returncode:
        said = asked.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Problem(SECRET, "the secret cannot be read: " + (said[-1] if said else "no reason given"))
    try:
        held = json.loads(json.loads(asked.stdout)["SecretString"])
        return {name: str(held[name]) for name in ("username", "password")}
    except (ValueError, KeyError, TypeError):
        raise Problem(LOGIN, "the secret holds no JSON object with username and password") from None


def fetched(wanted, folder):
    """The file, once its digest is found to be the one that is wanted."""
    path = f"{folder}/{wanted['url'].rpartition('/')[2]}"
    if aws("s3", "cp", "--only-show-errors", wanted["url"], path).returncode:
        raise Problem(REQUEST, f"{wanted['url']} cannot be read")
    with open(path, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != wanted["sha256"]:
            raise Problem(DIGEST, f"{wanted['url']} has another digest than {wanted['sha256']}")
    return path


def compiled(spec, folder):
    """The class path of the program."""
    program, jars = fetched(spec["program"], folder), [fetched(jar, folder) for jar in spec["jars"]]
    path = os.pathsep.join([f"{folder}/classes", *jars])
    modules = subprocess.run(("java", "--list-modules"), stdout=subprocess.PIPE).stdout.decode()
    own = ("-m", "jdk.compiler/com.sun.tools.javac.Main", "--release", "17")
    compiler = own if "jdk.compiler@" in modules else ("-cp", path, ECLIPSE, "-17")
    command = ("java", *HEAP, *compiler, "-proc:none", "-nowarn", "-encoding", "UTF-8", "-cp", path)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if subprocess.run((*command, "-d", f"{folder}/classes", program), **pipes).returncode:
        raise Problem(REQUEST, "the program cannot be compiled: it needs the driver's jar, and a JDK of Java 17 or "
                               "Eclipse's compiler among the jars")
    return path


def escaped(text):
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def java(path, mode, asked):
    """The program, which has read its request."""
    request = "".join(f"{name}={escaped(str(value))}\n" for name, value in asked.items() if value is not None)
    command = ("java", *HEAP, *ZONE, "-cp", path, "UnloadJdbc", mode)
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    if STOPPED.is_set():
        raise Problem(CONNECTION, "it was stopped")
    process = subprocess.Popen(command, **pipes)
    RUNNING.add(process)
    process.stdin.write(request.encode() + b"\0")
    process.stdin.flush()
    return process


def said_by(process):
    """The JSON at the end of its standard error, once it has ended; what else stands there may quote rows."""
    lines = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
    process.wait()
    try:
        said = json.loads(lines[-1])
    except (IndexError, ValueError):
        said = {"status": CONNECTION, "problem": f"java ended with {process.returncode}"}
    if process.returncode:
        raise Problem(said.get("status", CONNECTION), said.get("problem", f"java ended with {process.returncode}"))
    return said


def parts_of(spec, plan):
    """What is asked of each part: together they have each row of the snapshot once."""
    if spec["split"] is None:
        return [{}]
    split = {"split": spec["split"]["column"]}
    cast, *cuts = plan["bounds"]
    ends = list(zip([None, *cuts], [*cuts, None]))
    ranges = [split | {"cast": cast, "from": low, "until": high} for low, high in ends]
    if not plan["nullable"]:
        return ranges
    return [*(ranges if cuts else [split | {"not_null": 1}]), split | {"null": 1}]


def unload(number, spec, path, asked):
    """The manifest's entry of one part's file, once it is there whole."""
    made = f"{spec['output']}part-{number:05}.{spec['format']}.bz2"
    process = java(path, "part", asked)
    up = subprocess.Popen(("aws", "s3", "cp", "--only-show-errors", *encrypted(spec), "-", made), stdin=subprocess.PIPE)
    RUNNING.add(up)
    packer, rows, size = bz2.BZ2Compressor(), 0, 0
    try:
        for read in iter(lambda: process.stdout.read1(READ_BYTES), b""):
            packed, rows = packer.compress(read), rows + read.count(b"\n")
            size += len(packed)
            up.stdin.write(packed)
        said = said_by(process)
        if said["rows"] != rows:
            raise Problem(CONNECTION, f"part {number} gave {rows} of {said['rows']} rows")
        packed = packer.flush()
        up.stdin.write(packed)
        up.stdin.close()
        if up.wait():
            raise Problem(CONNECTION, f"file {number} cannot be written: {made}")
    except OSError:
        raise Problem(CONNECTION, f"file {number} cannot be written: {made}") from None
    finally:
        end(process, up)
    return {"url": made, "meta": {"content_length": size + len(packed), "record_count": rows}}


def end(*processes):
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()
        RUNNING.discard(process)


def written(spec, path, base, plan):
    base = base | {"snapshot": plan["snapshot"]}
    with ThreadPoolExecutor(spec["connections"]) as pool:
        asked = enumerate(parts_of(spec, plan))
        waiting = [pool.submit(unload, number, spec, path, base | part) for number, part in asked]
        try:
            ended = wait(waiting, return_when=FIRST_EXCEPTION).done
            failed = [each for each in waiting if each in ended and each.exception()]
            return [each.result() for each in failed or waiting]
        except BaseException:
            stop_all()
            raise


def stop_all():
    STOPPED.set()
    for process in list(RUNNING):
        process.kill()


def run(spec, folder):
    path, login = compiled(spec, folder), login_of(spec)
    with open(f"{folder}/ca.pem", "w") as file:
        file.write(spec["ca"])
    place = spec["database"]
    base = {**login, "host": place["host"], "port": place["port"], "database": place["name"], "label": spec["label"]}
    base |= {"ca_file": f"{folder}/ca.pem", "fetch_rows": spec["fetch_rows"], "format": spec["format"]}
    base |= {name: ",".join(value) if name == "columns" else value for name, value in spec["source"].items()}
    split = {"split" if name == "column" else name: value for name, value in (spec["split"] or {}).items()}
    keeper = java(path, "plan", base | split)
    try:
        told = keeper.stdout.readline()
        if not told:
            said_by(keeper)
        plan = json.loads(told)
        entries = written(spec, path, base, plan)
    finally:
        end(keeper)
    rows = sum(entry["meta"]["record_count"] for entry in entries)
    manifest = {"entries": entries, "meta": {"record_count": rows}, "schema": {"elements": plan["columns"]}}
    put(f"{spec['output']}manifest", manifest, spec)
    return {"rows": rows, "files": len(entries)}


def stop(*_):
    """EMR has asked the step to end: nothing reads what it has begun."""
    stop_all()
    raise SystemExit(143)


def main(spec_uri):
    spec = json.loads(aws("s3", "cp", "--only-show-errors", spec_uri, "-", check=True).stdout)
    status, told = 1, {"problem": "it did not come to an end"}
    try:
        if spec["protocol"] != 1:
            raise Problem(1, "this script reads protocol 1")
        with tempfile.TemporaryDirectory(prefix="unload-") as folder:
            told, status = run(spec, folder), 0
    except Problem as problem:
        status, told = problem.args[0], {"problem": problem.args[1]}
        print(problem.args[1], file=sys.stderr)
    finally:
        put(f"{spec_uri.rpartition('/')[0]}/result.json", {"protocol": 1, "exit_code": status, **told}, spec)
    return status


signal.signal(signal.SIGTERM, stop)
sys.exit(main(sys.argv[1]))
PY
