"""`emr_configs/bootstrap/export.sh`, with a directory for S3 and a `java` that writes a segment's rows."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.manifest import read_manifest
from druid_reindex.sandbox.aws.service import emr_configs

CORES = os.cpu_count() or 1
OUTPUT = "s3://bucket/export/snapshot/1/"
AWS = """#!/bin/bash
if [[ "$1 $2" == "s3api get-object" ]]; then
  file="$S3/$4/$6"
  [[ "$(md5sum < "$file")" == "$8  -" ]] || { echo PreconditionFailed >&2; exit 254; }
  cat "$file" > "$9"
  exit
fi
here() { case "$1" in s3://*) echo "$S3/${1#s3://}" ;; -) echo "$2" ;; *) echo "$1" ;; esac; }
source="$(here "${*: -2:1}" /dev/stdin)" target="$(here "${*: -1}" /dev/stdout)"
mkdir -p "${target%/*}"
cat "$source" > "$target"
"""
# Writes the file `rows` of the segment to --out, as dump-segment does; a file `status` is how it ends.
JAVA = """#!/bin/bash
echo "$*" >> "$S3/java.txt"
while [[ "$1" != --directory ]]; do shift; done
[[ -e "$2/silent" ]] || cat "$2/rows" > "$4"
exit "$(cat "$2/status" 2>/dev/null || echo 0)"
"""
COLUMNS = [
    {"name": "day", "from": "__time"},
    {"name": "token", "from": "patient_token"},
    {"name": "n", "from": "events"},
]


@dataclass
class Node:
    """A node with Druid, and its S3."""

    root: Path

    def segment(self, name: str, *rows: dict[str, Any], **files: str) -> str:
        path = self.root / "bucket" / name / "index.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("rows", "".join(json.dumps(row) + "\n" for row in rows))
            for file, text in files.items():
                archive.writestr(file, text)
        return f"s3://bucket/{name}/index.zip"

    def ask(self, *segments: tuple[str, int], **changes: Any) -> None:
        spec = {
            "protocol": 1,
            "segments": [{"url": url, "rows": rows} for url, rows in segments],
            "columns": COLUMNS,
            "time_format": "date",
            "format": "json",
            "compression": "gzip",
            "output": OUTPUT,
            "kms_key_arn": "arn:aws:kms:us-east-1:111122223333:key/1",
        } | changes
        path = self.root / "bucket/spec/spec.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(spec))

    def run(self) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([f"{self.root}/bin", str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        return subprocess.run(
            ["bash", str(self.root / "opt/bin/export.sh"), "s3://bucket/spec/spec.json", "us-east-1"],
            env={"PATH": path, "S3": str(self.root), "TMPDIR": str(self.root / "tmp")},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def ask_without(self, keys: bytes, *segments: str, **changes: Any) -> None:
        """Ask for the rows of September 1st and 2nd without the keys of a file of these bytes."""
        (self.root / "bucket/keys.txt").write_bytes(keys)
        within = [["2026-09-01T00:00:00.000Z", "2026-09-03T00:00:00.000Z"]]
        etag = md5(keys, usedforsecurity=False).hexdigest()
        self.ask(
            protocol=2,
            segments=[{"url": url, "rows": None, "within": within} for url in segments],
            keys={"uri": "s3://bucket/keys.txt", "etag": etag, "column": "patient_token"},
            chunks=[[f"2026-09-0{day}T00:00:00.000Z", f"2026-09-0{day + 1}T00:00:00.000Z"] for day in (1, 2)],
            **({"counted": None, "metrics": {"events": "SUM"}} | changes),
        )

    @property
    def result(self) -> dict[str, Any]:
        return dict(json.loads((self.root / "bucket/spec/result.json").read_text()))

    def rows(self) -> list[dict[str, Any]]:
        """The rows of all files, by their days."""
        names = [f"part-{number:05}.json.gz" for number in range(self.result["files"])]
        lines = [line for name in names for line in gzip.decompress(self.written(name)).splitlines()]
        return sorted((json.loads(line) for line in lines), key=lambda made: str(made["day"]))

    def written(self, name: str) -> bytes:
        return (self.root / "bucket/export/snapshot/1" / name).read_bytes()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    for name, text in (("aws", AWS), ("java", JAVA)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    for extension in ("druid-datasketches", "druid-s3-extensions", "druid-hdfs-storage"):
        (tmp_path / "opt/druid/extensions" / extension).mkdir(parents=True)
    (tmp_path / "opt/bin").mkdir()
    (tmp_path / "tmp").mkdir()
    shutil.copy(emr_configs() / "bootstrap" / "export.sh", tmp_path / "opt/bin/export.sh")
    return Node(tmp_path)


def row(day: int, token: str | None, events: int) -> dict[str, Any]:
    return {"__time": f"2026-09-0{day}T07:30:00.000Z", "events": events, "patient_token": token}


def test_rows_are_those_of_the_segments_by_the_tables_names(node: Node) -> None:
    first = node.segment("a", row(1, "t1", 3), {"__time": "2026-09-01T00:00:00.000Z", "events": 4})
    node.ask((first, 2), (node.segment("b", row(2, "tö", 5)), 1))
    done = node.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert node.rows() == [
        {"day": "2026-09-01", "token": "t1", "n": 3},
        {"day": "2026-09-01", "token": None, "n": 4},
        {"day": "2026-09-02", "token": "tö", "n": 5},
    ]
    assert node.result == {"protocol": 1, "exit_code": 0, "rows": 3, "files": min(2, CORES)}
    assert list((node.root / "tmp").iterdir()) == []


def test_many_small_segments_make_as_many_files_as_there_are_cores(node: Node) -> None:
    days = [n % 9 + 1 for n in range(3 * CORES)]
    node.ask(*((node.segment(str(n), row(day, f"t{n}", n)), 1) for n, day in enumerate(days)))
    assert node.run().returncode == 0
    assert (node.result["files"], node.result["rows"]) == (CORES, len(days))
    assert sorted(each["n"] for each in node.rows()) == list(range(len(days)))


def test_the_manifest_is_one_that_loads_read(node: Node) -> None:
    node.ask((node.segment("a", row(1, "t1", 3)), 1))
    assert node.run().returncode == 0
    prefix = S3Uri.parse(OUTPUT)
    manifest = read_manifest(prefix / "manifest", node.written("manifest"), below=prefix)
    (file,) = manifest.files
    assert (file.rows, file.size_bytes) == (1, len(node.written("part-00000.json.gz")))


@pytest.mark.parametrize(
    ("compression", "name", "opened"),
    [("none", "part-00000.csv", bytes), ("gzip", "part-00000.csv.gz", gzip.decompress),
     ("bzip2", "part-00000.csv.bz2", bz2.decompress)],
)  # fmt: skip
def test_csv_has_the_columns_in_their_order(node: Node, compression: str, name: str, opened: Any) -> None:
    node.ask(
        (node.segment("a", row(1, 'a "b", c', 3)), 1),
        format="csv", compression=compression, time_format="timestamp",
    )  # fmt: skip
    assert node.run().returncode == 0
    assert list(csv.reader(io.StringIO(opened(node.written(name)).decode()))) == [
        ["2026-09-01 07:30:00", 'a "b", c', "3"]
    ]


def test_the_tool_reads_the_columns_alone_with_the_extensions_of_columns(node: Node) -> None:
    node.ask((node.segment("a", row(1, "t1", 3)), 1))
    node.run()
    (call,) = (node.root / "java.txt").read_text().splitlines()
    assert call.endswith("--time-iso8601 -c __time -c patient_token -c events")
    assert 'loadList=["druid-datasketches"]' in call


@pytest.mark.parametrize(
    ("rows", "files", "told"),
    [
        ([row(1, "SECRET-NAME", 3)], {"status": "1"}, "segment 0 gave 1 of 1 rows, its tool ended with 1"),
        ([], {"silent": "", "status": "1"}, "gave 0 of 1 rows"),
        ([], {"silent": ""}, "gave 0 of 1 rows"),
        ([row(1, "SECRET-NAME", 3)] * 2, {}, "gave 2 of 1 rows"),
        (
            [row(1, "SECRET-NAME", 3) | {"patient_token": ["SECRET-NAME", "b"]}],
            {},
            "column patient_token holds several",
        ),
        ([{"events": 3}], {}, "segment 0 holds no rows"),
    ],
)
def test_a_segment_that_is_not_read_whole_leaves_no_manifest(
    node: Node, rows: list[dict[str, Any]], files: dict[str, str], told: str
) -> None:
    node.ask((node.segment("a", *rows, **files), 1))
    done = node.run()
    assert done.returncode == 5
    assert told in node.result["problem"]
    assert "SECRET-NAME" not in done.stdout + done.stderr + json.dumps(node.result)
    assert not (node.root / "bucket/export/snapshot/1/manifest").exists()


def test_an_archive_that_is_gone_or_broken_is_told(node: Node) -> None:
    node.ask(("s3://bucket/gone/index.zip", 1))
    assert node.run().returncode == 5
    assert node.result["problem"] == "segment 0 cannot be read: s3://bucket/gone/index.zip"
    broken = node.segment("a", row(1, "t1", 3))
    (node.root / "bucket/a/index.zip").write_bytes(b"PK")
    node.ask((broken, 1))
    assert node.run().returncode == 5
    assert "no whole archive" in node.result["problem"]


FIRST, SECOND = (
    f"2026-09-0{day}T00:00:00.000Z/2026-09-0{day + 1}T00:00:00.000Z" for day in (1, 2)
)  # fmt: skip


def test_rows_of_keys_are_left_out_and_all_others_are_kept_as_they_were_dumped(node: Node) -> None:
    first = node.segment("a", row(1, "t1", 3), row(1, "gone", 5), row(2, None, 7))
    node.ask_without(
        b'gone\r\n\n"also \\u0067one"\n', first, node.segment("b", row(2, "also gone", 1), row(2, "t2", 2))
    )
    done = node.run()
    assert (done.returncode, done.stderr) == (0, "")
    names = [f"part-{number:05}.json.gz" for number in range(node.result["files"])]
    kept = [json.loads(line) for name in names for line in gzip.decompress(node.written(name)).splitlines()]
    wanted = [row(1, "t1", 3), row(2, None, 7), row(2, "t2", 2)]
    assert sorted(kept, key=lambda each: each["events"]) == [
        {"timestamp": each["__time"], **each} for each in sorted(wanted, key=lambda each: int(each["events"]))
    ]
    assert node.result == {
        "protocol": 1, "exit_code": 0, "rows": 3, "files": min(2, CORES), "keys": 2,
        "chunks": {
            FIRST: {"without": 1, "with": 1, "metrics": {"events": 3}},
            SECOND: {"without": 2, "with": 1, "metrics": {"events": 9}},
        },
    }  # fmt: skip
    assert list((node.root / "tmp").iterdir()) == []


def test_of_a_source_the_rows_are_counted_of_time_and_keys_alone(node: Node) -> None:
    plain = {"__time": "2026-09-02T00:00:00.000Z"}  # a segment that lacks the column
    segments = node.segment("a", row(1, "t1", 3), row(1, "gone", 5), row(2, "gone", 5)), node.segment("b", plain)
    node.ask_without(b"gone", *segments, metrics={}, output=None)
    assert node.run().returncode == 0
    assert node.result["chunks"] == {
        FIRST: {"without": 1, "with": 1, "metrics": {}}, SECOND: {"without": 1, "with": 1, "metrics": {}}
    }  # fmt: skip
    asked = (node.root / "java.txt").read_text().splitlines()
    assert [line.count(" -c ") for line in asked] == [2, 2]
    assert not (node.root / "bucket/export").exists()


def test_rows_that_a_segment_does_not_serve_are_neither_kept_nor_counted(node: Node) -> None:
    node.ask_without(b"gone", node.segment("a", row(1, "t1", 3), row(4, "t2", 5), row(4, "gone", 5)))
    assert node.run().returncode == 0
    assert node.result["rows"] == 1
    assert node.result["chunks"][SECOND] == {"without": 0, "with": 0, "metrics": {}}


def test_a_row_with_one_of_the_keys_among_several_values_is_left_out(node: Node) -> None:
    node.ask_without(b"7\n", node.segment("a", row(1, "t1", 3) | {"patient_token": ["t1", "7"]}, row(1, "t1", 4)))
    assert node.run().returncode == 0
    assert node.result["chunks"][FIRST] == {"without": 1, "with": 1, "metrics": {"events": 4}}


def test_rows_that_are_rolled_up_count_as_what_they_were_made_of(node: Node) -> None:
    node.ask_without(b"gone", node.segment("a", row(1, "t1", 3), row(1, "gone", 5)), counted="events")
    assert node.run().returncode == 0
    assert node.result["chunks"][FIRST] == {"without": 3, "with": 5, "metrics": {"events": 3}}


def test_rows_can_be_counted_without_a_file_and_without_other_columns(node: Node) -> None:
    node.ask_without(b"gone", node.segment("a", row(1, "t1", 3), row(1, "gone", 5)), output=None)
    assert node.run().returncode == 0
    assert node.result["chunks"][FIRST] == {"without": 1, "with": 1, "metrics": {"events": 3}}
    assert not (node.root / "bucket/export").exists()
    assert (node.root / "java.txt").read_text().endswith("--time-iso8601 -c __time -c patient_token -c events\n")


@pytest.mark.parametrize(
    ("keys", "changes", "status", "told"),
    [
        (b"SECRET-KEY\n", {"etag": "another"}, 11, "the keys cannot be read, or are not those of the etag"),
        (b"\n \n", {}, 12, "no key is in s3://bucket/keys.txt"),
        (b'"SECRET-KEY\n', {}, 12, "a line of the keys is no text (JSONDecodeError)"),
        (b"SECRET-KEY \xff\n", {}, 12, "a line of the keys is no text (UnicodeDecodeError)"),
    ],
)
def test_keys_that_are_others_or_none_end_the_step_before_a_segment_is_read(
    node: Node, keys: bytes, changes: dict[str, str], status: int, told: str
) -> None:
    node.ask_without(keys, node.segment("a", row(1, "t1", 3)))
    path = node.root / "bucket/spec/spec.json"
    spec = json.loads(path.read_text())
    path.write_text(json.dumps(spec | {"keys": spec["keys"] | changes}))
    done = node.run()
    assert (done.returncode, node.result["exit_code"]) == (status, status)
    assert told in node.result["problem"]
    assert "SECRET-KEY" not in done.stdout + done.stderr + json.dumps(node.result)
    assert not (node.root / "java.txt").exists()


def test_no_key_is_told_when_a_segment_is_no_segment(node: Node) -> None:
    node.ask_without(b"SECRET-KEY", node.segment("a", {"events": 3, "patient_token": "SECRET-KEY"}))
    done = node.run()
    assert done.returncode == 5
    assert "SECRET-KEY" not in done.stdout + done.stderr + json.dumps(node.result)
