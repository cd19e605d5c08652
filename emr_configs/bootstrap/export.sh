#!/bin/bash
# Step: writes the rows of segments in deep storage as files that Redshift's COPY reads, by Druid's dump-segment tool.
#
#   export.sh SPEC_URI REGION
#
# SPEC_URI is a JSON object in S3: protocol 1, segments (url of each index.zip, and its rows), columns (name in the
# files, and from: the segment's column, in CSV's order), time_format (date or timestamp, of __time), format (json or
# csv), compression (none, gzip or bzip2), output (a prefix), kms_key_arn.
#
# Protocol 2 is for a purge: keys (uri and etag of a file with one key in each line, as text or as a JSON string, and
# column), chunks (start and end of each), counted (the metric that counts rows, or null), metrics (SUM, MIN or MAX by
# name) stand in place of columns, time_format and format. A segment has, as within, the parts of time that are read of
# it; its rows may be null. The rows that have none of the keys are written as Druid dumps them, with their time as
# timestamp too; with output null nothing is written. Told are the number of keys and, for each chunk, the rows with and
# without them and the metrics of those without: never a key.
#
# Leaves OUTPUT/part-NNNNN…, and last of all OUTPUT/manifest, in the form of UNLOAD's verbose manifest; and
# <directory of SPEC_URI>/result.json, protocol 1, whatever happened. Ends with 0; with 5 where a segment cannot be read
# whole or has other rows than the spec says, 11 where the keys cannot be read as they were, 12 where there are none.
# No row is logged.
# Memory does not grow with the segments: one row, and one JVM, for each core; the disk holds as many segments.
# Source: https://druid.apache.org/docs/25.0.0/operations/dump-segment.html
set -euo pipefail

usage="usage: export.sh SPEC_URI REGION"
export AWS_REGION="${2:?${usage}}" AWS_DEFAULT_REGION="${2}"
DRUID="$(cd "$(dirname "$0")/.." && pwd)/druid"
export DRUID

exec python3 - "${1:?${usage}}" <<'PY'
import bisect, bz2, csv, gzip, io, json, os, re, shutil, subprocess, sys, tempfile, threading, zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

SEGMENTS, KEYS, NO_KEYS = 5, 11, 12
FILE_ROWS = 1_000_000
TIME = "__time"
ENDINGS = {"none": "", "gzip": ".gz", "bzip2": ".bz2"}
OPENERS = {"gzip": gzip.open, "bzip2": bz2.open}
JOINED = {"SUM": lambda one, other: one + other, "MIN": min, "MAX": max}
STORES = re.compile("-s3-|storage")
OPENED = ("java.lang", "java.io", "java.nio", "java.util", "jdk.internal.ref", "jdk.internal.loader", "sun.nio.ch")


class Problem(Exception):
    """What ends the step: its exit status, and words without a value of any row."""


def encrypted(spec):
    return ("--sse", "aws:kms", "--sse-kms-key-id", spec["kms_key_arn"])


def put(url, document, spec):
    body = json.dumps(document, indent=1, sort_keys=True).encode()
    subprocess.run(("aws", "s3", "cp", "--only-show-errors", *encrypted(spec), "-", url), input=body, check=True)


def java(druid, work):
    """The command that runs Druid's tools, with all extensions whose types of columns a segment may hold."""
    extensions = sorted(os.listdir(f"{druid}/extensions"))
    return (
        "java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Duser.timezone=UTC", "-Dfile.encoding=UTF-8", f"-Djava.io.tmpdir={work}",
        *(f"--add-exports=java.base/jdk.internal.{name}=ALL-UNNAMED" for name in ("ref", "misc")),
        *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED),
        "--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED",
        f"-Ddruid.extensions.directory={druid}/extensions",
        f"-Ddruid.extensions.loadList={json.dumps([name for name in extensions if not STORES.search(name)])}",
        "-cp", f"{druid}/conf:{druid}/lib/*", "org.apache.druid.cli.Main", "tools", "dump-segment",
    )


@contextmanager
def unpacked(url, number):
    """A directory with the segment's files, gone afterwards."""
    work = tempfile.mkdtemp(prefix="export-")
    try:
        archive = f"{work}/index.zip"
        fetched = subprocess.run(("aws", "s3", "cp", "--only-show-errors", url, archive))
        if fetched.returncode:
            raise Problem(SEGMENTS, f"segment {number} cannot be read: {url}")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(f"{work}/segment")
        os.remove(archive)
        yield work
    except (zipfile.BadZipFile, OSError) as unread:
        raise Problem(SEGMENTS, f"segment {number} is no whole archive ({type(unread).__name__}): {url}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def field(row, wanted, spec):
    value = row.get(wanted["from"])
    if isinstance(value, (list, dict)):
        raise Problem(SEGMENTS, f"column {wanted['from']} holds several values in a row, which no table column takes")
    if wanted["from"] == TIME:
        return value[:10] if spec["time_format"] == "date" else f"{value[:10]} {value[11:19]}"
    return value


def written(row, spec):
    values = [field(row, wanted, spec) for wanted in spec["columns"]]
    if spec["format"] == "json":
        names = (wanted["name"] for wanted in spec["columns"])
        return json.dumps(dict(zip(names, values)), separators=(",", ":"), ensure_ascii=False) + "\n"
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def read_keys(spec):
    """The keys of the file, if it is still the one of the etag."""
    bucket, _, key = spec["keys"]["uri"].removeprefix("s3://").partition("/")
    with tempfile.TemporaryDirectory(prefix="keys-") as work:
        asked = ("--bucket", bucket, "--key", key, "--if-match", spec["keys"]["etag"], f"{work}/keys")
        if subprocess.run(("aws", "s3api", "get-object", *asked), stdout=subprocess.DEVNULL).returncode:
            raise Problem(KEYS, f"the keys cannot be read, or are not those of the etag: {spec['keys']['uri']}")
        try:
            with open(f"{work}/keys", encoding="utf-8-sig") as file:
                lines = [line.strip() for line in file]
            keys = {str(json.loads(line)) if line.startswith('"') else line for line in lines if line}
        except ValueError as unread:
            # Not the exception's own words: they quote a key.
            raise Problem(NO_KEYS, f"a line of the keys is no text ({type(unread).__name__})") from None
    if not keys:
        raise Problem(NO_KEYS, f"no key is in {spec['keys']['uri']}")
    return frozenset(keys)


class Sieve:
    """What of the rows of segments has none of the keys, counted by chunk."""

    def __init__(self, spec):
        self.keys, self.column = read_keys(spec), spec["keys"]["column"]
        self.metrics, self.counted = spec["metrics"], spec["counted"]
        self.chunks = sorted(map(tuple, spec["chunks"]))
        self.starts = [start for start, _ in self.chunks]
        self.told = {chunk: {"without": 0, "with": 0, "metrics": {}} for chunk in self.chunks}
        self.lock = threading.Lock()

    def take(self, line, within):
        """The line as it is written; nothing for a row with a key, or one that this segment does not serve."""
        row = json.loads(line)
        time = row[TIME]
        if not any(start <= time < end for start, end in within):
            return b""
        chunk = self.chunks[bisect.bisect_right(self.starts, time) - 1]
        value = row.get(self.column)
        has_key = any(str(each) in self.keys for each in (value if isinstance(value, list) else [value]))
        with self.lock:
            told = self.told[chunk]
            told["with" if has_key else "without"] += row[self.counted] if self.counted else 1
            if not has_key:
                self.measure(row, told["metrics"])
        return b"" if has_key else b'{"timestamp":' + json.dumps(time).encode() + b"," + line.lstrip()[1:]

    def measure(self, row, found):
        for name, how in self.metrics.items():
            value = row.get(name)
            value = float(value) if isinstance(value, str) else value  # NaN and the infinities are texts
            if value is not None:
                found[name] = JOINED[how](found[name], value) if name in found else value

    def result(self):
        return {"keys": len(self.keys), "chunks": {"/".join(chunk): told for chunk, told in self.told.items()}}


class Counted:
    """A file that counts the bytes it is given."""

    def __init__(self, sink):
        self.sink, self.size = sink, 0

    def write(self, data):
        self.size += len(data)
        return self.sink.write(data)

    def flush(self):
        self.sink.flush()


def groups(spec):
    """The numbers of the segments that go into one file each: as many files as cores, more where these grow big."""
    numbers = range(len(spec["segments"]))
    rows = sum(segment["rows"] or 0 for segment in spec["segments"])
    files = min(len(numbers), max(os.cpu_count() or 1, -(-rows // FILE_ROWS)))
    return [numbers[first::files] for first in range(files)]


def columns_of(spec, sieve):
    """What the tool is to dump: all columns where rows are kept as they are."""
    if sieve is None:
        wanted = [each["from"] for each in spec["columns"]]
    else:
        wanted = [] if spec["output"] else [TIME, sieve.column, *sieve.metrics]
        wanted += [sieve.counted] if wanted and sieve.counted not in (None, *wanted) else []
    return [word for name in wanted for word in ("-c", name)]


def dump(number, sink, spec, sieve):
    """Write the segment's rows; return how many there are."""
    segment, read, rows = spec["segments"][number], 0, 0
    with unpacked(segment["url"], number) as work:
        os.mkfifo(f"{work}/rows")
        columns = columns_of(spec, sieve)
        where = ("--directory", f"{work}/segment", "--out", f"{work}/rows", "--time-iso8601", *columns)
        tool = subprocess.Popen((*java(os.environ["DRUID"], work), *where), stdout=subprocess.DEVNULL)
        over = threading.Event()
        threading.Thread(target=release, args=(tool, f"{work}/rows", over), daemon=True).start()
        try:
            with open(f"{work}/rows", "rb") as lines:
                for line in lines:
                    made = sieve.take(line, segment["within"]) if sieve else written(json.loads(line), spec).encode()
                    sink.write(made)
                    read, rows = read + 1, rows + bool(made)
            if tool.wait() or segment["rows"] not in (None, read):
                raise Problem(SEGMENTS, f"segment {number} gave {read} of {segment['rows']} rows, "
                                        f"its tool ended with {tool.returncode}: {segment['url']}")
        except (ValueError, TypeError, AttributeError, LookupError) as unread:
            # Not the exception's own words: they may quote a row.
            raise Problem(SEGMENTS, f"segment {number} holds no rows ({type(unread).__name__})") from None
        finally:
            over.set()
            end(tool)
    return rows


def end(process):
    if process.poll() is None:
        process.kill()
        process.wait()


def export(number, group, spec, sieve):
    """The manifest's entry of one file, once it is there whole."""
    if not spec["output"]:
        with open(os.devnull, "wb") as nowhere:
            return {"meta": {"record_count": sum(dump(segment, nowhere, spec, sieve) for segment in group)}}
    made = f"{spec['output']}part-{number:05}.{spec['format']}{ENDINGS[spec['compression']]}"
    up = subprocess.Popen(("aws", "s3", "cp", "--only-show-errors", *encrypted(spec), "-", made), stdin=subprocess.PIPE)
    opener = OPENERS.get(spec["compression"])
    try:
        counted = Counted(up.stdin)
        packed = opener(counted, "wb") if opener else counted
        rows = sum(dump(segment, packed, spec, sieve) for segment in group)
        if opener:
            packed.close()
        up.stdin.close()
        if up.wait():
            raise Problem(SEGMENTS, f"file {number} cannot be written: {made}")
    finally:
        end(up)
    return {"url": made, "meta": {"content_length": counted.size, "record_count": rows}}


def release(tool, fifo, over):
    """Let the reader go on that waits for a tool which ended without a word."""
    tool.wait()
    while not over.wait(0.2):
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            continue  # it does not wait yet, or not any more


def run(spec):
    sieve = Sieve(spec) if spec["protocol"] == 2 else None
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = [pool.submit(export, number, group, spec, sieve) for number, group in enumerate(groups(spec))]
        try:
            entries = [each.result() for each in waiting]
        except BaseException:
            for each in waiting:
                each.cancel()
            raise
    rows = sum(entry["meta"]["record_count"] for entry in entries)
    if spec["output"]:
        put(f"{spec['output']}manifest", {"entries": entries, "meta": {"record_count": rows}}, spec)
    return {"rows": rows, "files": len(entries)} | (sieve.result() if sieve else {})


def main(spec_uri):
    read = ("aws", "s3", "cp", "--only-show-errors", spec_uri, "-")
    spec = json.loads(subprocess.run(read, stdout=subprocess.PIPE, check=True).stdout)
    status, told = 1, {"problem": "it did not come to an end"}
    try:
        if spec["protocol"] not in (1, 2):
            raise Problem(1, "this script reads protocols 1 and 2")
        told, status = run(spec), 0
    except Problem as problem:
        status, told = problem.args[0], {"problem": problem.args[1]}
        print(problem.args[1], file=sys.stderr)
    finally:
        put(f"{spec_uri.rpartition('/')[0]}/result.json", {"protocol": 1, "exit_code": status, **told}, spec)
    return status


sys.exit(main(sys.argv[1]))
PY
