"""How others search CloudTrail's log files for a run's keys; each gives the ids of the events that it finds."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import duckdb
import polars as pl

FIELDS = {
    "eventID": pl.String, "requestID": pl.String,
    "userIdentity": pl.Struct({"accessKeyId": pl.String, "arn": pl.String}),
    "requestParameters": pl.Struct({"bucketName": pl.String}),
}  # fmt: skip
SCHEMA = {"Records": pl.List(pl.Struct(FIELDS))}
COLUMNS = (
    "{'Records': 'STRUCT(eventID VARCHAR, requestID VARCHAR, userIdentity STRUCT(accessKeyId VARCHAR), "
    "requestParameters STRUCT(bucketName VARCHAR))[]'}"
)
FOUND = """SELECT e.eventID FROM (SELECT unnest(Records) AS e FROM read_json($file, columns={columns},
 maximum_object_size=67108864)) WHERE e.requestID IN (SELECT unnest($keys))
 OR e.userIdentity.accessKeyId IN (SELECT unnest($keys)) OR e.requestParameters.bucketName IN (SELECT unnest($keys))"""
JQ = """.Records[] | select($keys[.requestID // ""] or $keys[.userIdentity.accessKeyId // ""]
 or $keys[.requestParameters.bucketName // ""]) | .eventID"""


def of_python(paths: Iterable[Path], keys: frozenset[str]) -> set[str]:
    """The standard library: zlib, SHA-256 and json."""
    found = set()
    for path in paths:
        text = zlib.decompress(path.read_bytes(), zlib.MAX_WBITS | 16)
        hashlib.sha256(text).hexdigest()
        for each in json.loads(text)["Records"]:
            named = {each["requestID"], each["userIdentity"]["accessKeyId"], each["requestParameters"]["bucketName"]}
            if named & keys:
                found.add(each["eventID"])
    return found


def of_polars(paths: Iterable[Path], keys: frozenset[str]) -> set[str]:
    """polars, told the types."""
    found: set[str] = set()
    wanted = list(keys)
    for path in paths:
        text = zlib.decompress(path.read_bytes(), zlib.MAX_WBITS | 16)
        events = pl.read_json(text, schema=SCHEMA).explode("Records").unnest("Records")
        hits = events.filter(
            pl.col("requestID").is_in(wanted)
            | pl.col("userIdentity").struct.field("accessKeyId").is_in(wanted)
            | pl.col("requestParameters").struct.field("bucketName").is_in(wanted)
        )
        found |= set(hits["eventID"])
    return found


def of_duckdb(paths: Iterable[Path], keys: frozenset[str]) -> set[str]:
    """DuckDB, told the types; one file at a time, as it holds each object whole, several times over."""
    sql, wanted = FOUND.replace("{columns}", COLUMNS), list(keys)
    with duckdb.connect(config={"threads": 1, "memory_limit": "4GB"}) as database:
        rows = [database.execute(sql, {"file": str(path), "keys": wanted}).fetchall() for path in paths]
    return {row[0] for each in rows for row in each}


def of_jq(paths: Iterable[Path], keys: frozenset[str]) -> set[str]:
    """gzip and jq."""
    known = json.dumps(dict.fromkeys(keys, True))
    found: set[str] = set()
    for path in paths:
        command = f"gzip -dc '{path}' | jq -r --argjson keys '{known}' '{JQ}'"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        found |= set(done.stdout.split())
    return found
