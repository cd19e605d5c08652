#!/bin/bash
# Step: writes the rows of segments in deep storage as files that Redshift's COPY reads, by Druid's dump-segment tool.
#
#   export.sh SPEC_URI REGION
#
# SPEC_URI is a JSON object in S3: protocol 1, segments (url of each index.zip, and its rows), columns (name in the
# files, and from: the segment's column, in CSV's order), time_format (date or timestamp, of __time), format (json or
# csv), compression (none, gzip or bzip2), output (a prefix), kms_key_arn.
#
# Leaves OUTPUT/part-NNNNN…, and last of all OUTPUT/manifest, in the form of UNLOAD's verbose manifest; and
# <directory of SPEC_URI>/result.json, protocol 1, whatever happened. Ends with 0, or with 5 where a segment cannot be
# read whole or has other rows than the spec says. No row is logged.
# Memory does not grow with the segments: one row, and one JVM, for each core; the disk holds as many segments.
# Source: https://druid.apache.org/docs/25.0.0/operations/dump-segment.html
set -euo pipefail

usage="usage: export.sh SPEC_URI REGION"
export AWS_REGION="${2:?${usage}}" AWS_DEFAULT_REGION="${2}"
DRUID="$(cd "$(dirname "$0")/.." && pwd)/druid"
export DRUID

exec python3 - "${1:?${usage}}" <<'PY'
import bz2, csv, gzip, io, json, os, re, shutil, subprocess, sys, tempfile, threading, zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

SEGMENTS = 5
FILE_ROWS = 1_000_000
TIME = "__time"
ENDINGS = {"none": "", "gzip": ".gz", "bzip2": ".bz2"}
OPENERS = {"gzip": gzip.open, "bzip2": bz2.open}
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
    rows = sum(segment["rows"] for segment in spec["segments"])
    files = min(len(numbers), max(os.cpu_count() or 1, -(-rows // FILE_ROWS)))
    return [numbers[first::files] for first in range(files)]


def dump(number, sink, spec):
    """Write the segment's rows; return how many there are."""
    segment, rows = spec["segments"][number], 0
    with unpacked(segment["url"], number) as work:
        os.mkfifo(f"{work}/rows")
        columns = [word for wanted in spec["columns"] for word in ("-c", wanted["from"])]
        where = ("--directory", f"{work}/segment", "--out", f"{work}/rows", "--time-iso8601", *columns)
        tool = subprocess.Popen((*java(os.environ["DRUID"], work), *where), stdout=subprocess.DEVNULL)
        over = threading.Event()
        threading.Thread(target=release, args=(tool, f"{work}/rows", over), daemon=True).start()
        try:
            with open(f"{work}/rows", "rb") as lines:
                for line in lines:
                    sink.write(written(json.loads(line), spec).encode())
                    rows += 1
            if tool.wait() or rows != segment["rows"]:
                raise Problem(SEGMENTS, f"segment {number} gave {rows} of {segment['rows']} rows, "
                                        f"its tool ended with {tool.returncode}: {segment['url']}")
        except (ValueError, TypeError, AttributeError) as unread:
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


def export(number, group, spec):
    """The manifest's entry of one file, once it is there whole."""
    made = f"{spec['output']}part-{number:05}.{spec['format']}{ENDINGS[spec['compression']]}"
    up = subprocess.Popen(("aws", "s3", "cp", "--only-show-errors", *encrypted(spec), "-", made), stdin=subprocess.PIPE)
    opener = OPENERS.get(spec["compression"])
    try:
        counted = Counted(up.stdin)
        packed = opener(counted, "wb") if opener else counted
        rows = sum(dump(segment, packed, spec) for segment in group)
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
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = [pool.submit(export, number, group, spec) for number, group in enumerate(groups(spec))]
        try:
            entries = [each.result() for each in waiting]
        except BaseException:
            for each in waiting:
                each.cancel()
            raise
    rows = sum(entry["meta"]["record_count"] for entry in entries)
    put(f"{spec['output']}manifest", {"entries": entries, "meta": {"record_count": rows}}, spec)
    return {"rows": rows, "files": len(entries)}


def main(spec_uri):
    read = ("aws", "s3", "cp", "--only-show-errors", spec_uri, "-")
    spec = json.loads(subprocess.run(read, stdout=subprocess.PIPE, check=True).stdout)
    status, told = 1, {"problem": "it did not come to an end"}
    try:
        if spec["protocol"] != 1:
            raise Problem(1, "this script reads protocol 1")
        told, status = run(spec), 0
    except Problem as problem:
        status, told = problem.args[0], {"problem": problem.args[1]}
        print(problem.args[1], file=sys.stderr)
    finally:
        put(f"{spec_uri.rpartition('/')[0]}/result.json", {"protocol": 1, "exit_code": status, **told}, spec)
    return status


sys.exit(main(sys.argv[1]))
PY
