"""`emr_configs/bootstrap/tokenise.sh`, with a directory for S3 and a Secrets Manager of one line."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.manifest import read_manifest
from druid_reindex.sandbox.aws.service import emr_configs
from druid_reindex.sandbox.tokens import token

SCRIPT = emr_configs() / "bootstrap" / "tokenise.sh"
KEY, VERSION = "a key that only the secret has", "11111111-2222-4333-8444-555555555555"
MOST_KIB = 120_000
OUTPUT = "s3://bucket/prepared/claims/1/"
# Copies between files and pipes; every call is written down with its environment.
AWS = """#!/bin/bash
{ echo "$*"; env; } >> "$S3/calls.txt"
if [[ "$1 $2" == "s3api get-object" ]]; then
  file="$S3/$4/$6"
  [[ "$(md5sum < "$file")" == "$8  -" ]] || { echo PreconditionFailed >&2; exit 254; }
  cat "$file" > "$9"
  exit
fi
if [[ "$1" == secretsmanager ]]; then cat "$S3/secret.json" && exit; echo "AccessDenied: no" >&2; exit 254; fi
here() { case "$1" in s3://*) echo "$S3/${1#s3://}" ;; *) echo /dev/stdin ;; esac; }
source="${*: -2:1}" target="${*: -1}"
if [[ "$target" == "-" ]]; then cat "$(here "$source")"; exit; fi
path="$(here "$target")"; mkdir -p "${path%/*}"; cat > "$path.unfinished" && mv "$path.unfinished" "$path"
"""


@dataclass
class Bucket:
    """The directory, and a spec with one file of claims."""

    root: Path
    spec: dict[str, Any] = field(default_factory=dict)

    def put(self, name: str, body: bytes) -> None:
        path = self.root / "bucket" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def ask(self, *files: tuple[str, bytes, int], **changes: Any) -> None:
        for name, body, _ in files:
            self.put(name, body)
        self.spec = {
            "protocol": 1,
            "secret_id": "druid-reindex/tokens/phi/claims",
            "version_id": VERSION,
            "format": "json",
            "columns": [],
            "tokens": {"patient_id": {"kind": "patient", "name": "patient_token"}},
            "inputs": [{"url": f"s3://bucket/{name}", "rows": rows} for name, _, rows in files],
            "output": OUTPUT,
            "kms_key_arn": "arn:aws:kms:us-east-1:111122223333:key/1",
        } | changes
        self.put("spec/spec.json", json.dumps(self.spec).encode())
        secret = {"VersionId": VERSION, "SecretString": KEY}
        (self.root / "secret.json").write_text(json.dumps(secret))

    def withhold(self, lines: str, column: str = "patient_token", name: str = "keys") -> dict[str, str]:
        """A file of keys, as a spec names it."""
        self.put(name, lines.encode())
        etag = md5(lines.encode(), usedforsecurity=False).hexdigest()
        return {"uri": f"s3://bucket/{name}", "etag": etag, "column": column}

    def run(self) -> subprocess.CompletedProcess[str]:
        """The step, with the interpreter of the tests; PATH has no other `aws`."""
        path = os.pathsep.join([f"{self.root}/bin", str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        return subprocess.run(
            ["bash", "-c", f"ulimit -v {MOST_KIB}; exec bash {SCRIPT} s3://bucket/spec/spec.json us-east-1"],
            env={"PATH": path, "S3": str(self.root)}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    @property
    def result(self) -> dict[str, Any]:
        return dict(json.loads((self.root / "bucket/spec/result.json").read_text()))

    def written(self, number: int = 0, suffix: str = "json") -> str:
        return bz2.decompress(
            (self.root / f"bucket/prepared/claims/1/part-{number:05}.{suffix}.bz2").read_bytes()
        ).decode()

    @property
    def manifest(self) -> Path:
        return self.root / "bucket/prepared/claims/1/manifest"


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    program = tmp_path / "bin" / "aws"
    program.parent.mkdir()
    program.write_text(AWS)
    program.chmod(0o755)
    return Bucket(tmp_path)


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_tokens_are_those_that_events_have(bucket: Bucket) -> None:
    rows = [{"patient_id": who, "cost": 12.5, "note": "naïve\nor not"} for who in ("p1", 7, None, "")]
    bucket.ask(("a", lines(*rows[:2]), 2), ("b.gz", gzip.compress(lines(*rows[2:])), 2), ("c", bz2.compress(b""), 0))
    done = bucket.run()
    assert (done.returncode, done.stderr) == (0, "")
    made = [json.loads(line) for number in range(3) for line in bucket.written(number).splitlines()]
    tokens = [token(KEY.encode(), "patient", "p1"), token(KEY.encode(), "patient", "7"), None, None]
    assert made == [{"patient_token": each, "cost": 12.5, "note": "naïve\nor not"} for each in tokens]
    assert bucket.result == {"protocol": 1, "exit_code": 0, "rows": 4, "files": 3, "key_version": VERSION}


def test_the_manifest_is_one_that_loads_read(bucket: Bucket) -> None:
    bucket.ask(("a", lines({"patient_id": "p1"}), 1), ("b", lines({"patient_id": "p2"}, {"patient_id": "p3"}), 2))
    assert bucket.run().returncode == 0
    prefix = S3Uri.parse(OUTPUT)
    manifest = read_manifest(prefix / "manifest", bucket.manifest.read_bytes(), below=prefix)
    assert [file.rows for file in manifest.files] == [1, 2]
    sizes = [(bucket.root / file.uri.bucket / file.uri.key).stat().st_size for file in manifest.files]
    assert [file.size_bytes for file in manifest.files] == sizes


def test_csv_keeps_its_columns_in_their_order(bucket: Bucket) -> None:
    rows = [["2026-09-01", "p1", 'with "quotes", and commas'], ["2026-09-02", "", "x"]]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    columns = ["timestamp", "patient_id", "note"]
    bucket.ask(("a", text.getvalue().encode(), 2), format="csv", columns=columns)
    done = bucket.run()
    assert (done.returncode, done.stderr) == (0, "")
    made = list(csv.reader(io.StringIO(bucket.written(suffix="csv"))))
    assert made == [["2026-09-01", token(KEY.encode(), "patient", "p1"), rows[0][2]], rows[1]]


def test_another_version_of_the_key_ends_it_before_a_row_is_read(bucket: Bucket) -> None:
    bucket.ask(("a", lines({"patient_id": "p1"}), 1), version_id="an older one")
    assert bucket.run().returncode == 3
    assert bucket.result == {
        "protocol": 1, "exit_code": 3, "problem": f"the key's version is {VERSION}, not an older one"
    }  # fmt: skip
    assert not (bucket.root / "bucket/prepared").exists()


def test_a_key_that_may_not_be_read_is_told(bucket: Bucket) -> None:
    bucket.ask(("a", lines({"patient_id": "p1"}), 1))
    (bucket.root / "secret.json").unlink()
    assert bucket.run().returncode == 4
    assert bucket.result["problem"] == "the key cannot be read: AccessDenied: no"


@pytest.mark.parametrize(
    ("body", "rows", "changes"),
    [
        (b'{"patient_id": "SECRET-NAME", \n', 1, {}),
        (lines({"someone": "SECRET-NAME"}), 1, {}),
        (lines(["SECRET-NAME"]), 1, {}),
        (b"\xff\xfeSECRET-NAME\n", 1, {}),
        (gzip.compress(lines({"patient_id": "SECRET-NAME"}), mtime=0)[:-9], 1, {}),
        (lines({"patient_id": "SECRET-NAME"}), 2, {}),
        (b"SECRET-NAME,2,3\n", 1, {"format": "csv", "columns": ["patient_id", "b"]}),
        (b'"SECRET-NAME","2\n3"\n', 1, {"format": "csv", "columns": ["patient_id", "b"]}),
    ],
)
def test_other_rows_end_it_without_a_manifest_and_are_not_told(
    bucket: Bucket, body: bytes, rows: int, changes: dict[str, Any]
) -> None:
    bucket.ask(("a", lines({"patient_id": "p0"}), 1), ("b", body, rows), **changes)
    if changes:
        bucket.ask(("b", body, rows), **changes)
    done = bucket.run()
    assert done.returncode == 5
    assert "file " in bucket.result["problem"]
    assert "SECRET-NAME" not in done.stdout + done.stderr + json.dumps(bucket.result)
    assert not bucket.manifest.exists()


def test_the_key_is_in_no_argument_no_environment_and_no_output(bucket: Bucket) -> None:
    bucket.ask(("a", lines({"patient_id": "p1"}), 1))
    done = bucket.run()
    calls = (bucket.root / "calls.txt").read_text()
    assert calls.count("s3 cp") == 5
    assert KEY not in calls + done.stdout + done.stderr
    assert KEY not in bucket.manifest.read_text() + json.dumps(bucket.result)


def test_running_it_again_leaves_the_same_files(bucket: Bucket) -> None:
    bucket.ask(("a", lines({"patient_id": "p1"}), 1))
    bucket.run()
    first = bucket.written(), bucket.manifest.read_bytes()
    bucket.run()
    assert (bucket.written(), bucket.manifest.read_bytes()) == first


def token_of(patient: str) -> str:
    return token(KEY.encode(), "patient", patient)


def test_rows_of_withheld_keys_are_counted_and_not_written(bucket: Bucket) -> None:
    keys = bucket.withhold(f"{token_of('p1')}\n\n{json.dumps(token_of('p3'))}\n")
    rows = [{"patient_id": who, "kind": "claim"} for who in ("p1", "p2", "p3", None)]
    files = ("a", lines(*rows), 4), ("b", lines(rows[0]), 1)
    bucket.ask(*files, protocol=2, withheld=[keys])
    done = bucket.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["patient_token"] for line in bucket.written().splitlines()] == [token_of("p2"), None]
    assert bucket.written(1) == ""
    assert (bucket.result["rows"], bucket.result["withheld"], bucket.result["files"]) == (2, 3, 2)
    entries = json.loads(bucket.manifest.read_text())["entries"]
    assert [each["meta"]["record_count"] for each in entries] == [2, 0]


def test_keys_of_several_files_and_columns_are_withheld_from_csv_too(bucket: Bucket) -> None:
    withheld = [bucket.withhold("device", "kind", "one"), bucket.withhold("note-7", "note", "two")]
    text = "2026-09-01,p1,device,x\n2026-09-01,p2,claim,note-7\n2026-09-01,p3,claim,x\n"
    columns = ["timestamp", "patient_id", "kind", "note"]
    bucket.ask(("a", text.encode(), 3), format="csv", columns=columns, protocol=2, withheld=withheld)
    assert bucket.run().returncode == 0
    assert bucket.written(suffix="csv") == f"2026-09-01,{token_of('p3')},claim,x\n"
    assert (bucket.result["rows"], bucket.result["withheld"]) == (1, 2)


@pytest.mark.parametrize(
    ("body", "etag", "status", "told"),
    [
        ("SECRET-KEY\n", "of-another", 11, "withheld keys cannot be read, or are not those of the etag"),
        ("\n \n", None, 12, "no key is in s3://bucket/keys"),
        ('"SECRET-KEY\n', None, 12, "a line of the withheld keys is no text"),
    ],
)
def test_keys_that_are_not_those_that_were_withheld_end_it_before_a_row_is_read(
    bucket: Bucket, body: str, etag: str | None, status: int, told: str
) -> None:
    keys = bucket.withhold(body)
    bucket.ask(("a", lines({"patient_id": "p1"}), 1), protocol=2, withheld=[keys | ({"etag": etag} if etag else {})])
    done = bucket.run()
    assert (done.returncode, told in bucket.result["problem"]) == (status, True)
    assert "SECRET-KEY" not in done.stdout + done.stderr + json.dumps(bucket.result)
    assert not (bucket.root / "bucket/prepared").exists()


def test_a_protocol_that_it_does_not_know_is_refused(bucket: Bucket) -> None:
    bucket.ask(("a", lines({"patient_id": "p1"}), 1), protocol=3)
    assert bucket.run().returncode == 1
    assert bucket.result["problem"] == "this script reads protocols 1 and 2"


def test_memory_does_not_grow_with_the_file(bucket: Bucket) -> None:
    """A file of more bytes than a process of the step may have."""
    count = 100_000
    row = lines({"patient_id": "p1", "note": "x" * (MOST_KIB * 1024 // count)})
    bucket.ask(("a.gz", gzip.compress(row * count, compresslevel=1), count))
    done = bucket.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert bucket.result["rows"] == count
