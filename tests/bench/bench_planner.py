"""What a night's plan costs with 100,000 and with 1,000,000 used segments, beside pydruid + pandas counting the same.

A Coordinator and a Broker of this file's own say, over HTTP on loopback, what Druid would say of a datasource of 1,000
days with a hundred or a thousand segments each; three days have a late one. Each measurement is a process of its own.
``receive`` reads the listing and throws it away, so that ``plan`` less ``receive`` is what remains once the bytes have
arrived; ``scattered`` is the worst order, in which no two segments in a row are of one day. ``pandas`` asks for the
same columns of ``sys.segments`` through pydruid, and groups them by interval and version.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from peaks import peak_mb

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp
from druid_reindex.clients.ledgers import LedgerShelf
from druid_reindex.clients.planning import Planning
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan.built import Built, partitions_digest
from druid_reindex.plan.definition import definition_of

ROOT = Path(__file__).parents[2]
DAYS, LATE_DAYS = 1_000, 3
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
VERSION = "2026-10-05T02:30:00.000Z"
NAME = "patient_vitals"
CHUNKS = [str(Interval(FIRST + timedelta(days=day), FIRST + timedelta(days=day + 1))) for day in range(DAYS)]
WINDOW = Interval(FIRST, FIRST + timedelta(days=DAYS))
SIZES = (100_000, 1_000_000)
CPU_SECONDS_MAX, PEAK_MB_MAX = 2.0, 200.0
LISTING = f"/druid/coordinator/v1/metadata/datasources/{NAME}/segments?full"
# A segment as Druid 25's Coordinator lists it.
SEGMENT = (
    '{{"dataSource":"patient_vitals","interval":"{chunk}","version":"{version}","loadSpec":{{"type":"s3_zip",'
    '"bucket":"drx-phi-111122223333","key":"druid/segments/patient_vitals/{place}/{version}/{number}/index.zip",'
    '"S3Schema":"s3a"}},"dimensions":"patient_token,encounter_token,category,code,description,units,type",'
    '"metrics":"events,value_sum","shardSpec":{{"type":"{shard}","partitionNum":{number},"partitions":{core}}},'
    '"binaryVersion":9,"size":480000123,"identifier":"patient_vitals_{place}_{version}_{number}"}}'
)
PEER = (
    'SELECT "start", "end", "version", "partition_num", "size", "num_rows" FROM sys.segments '
    f"WHERE \"datasource\" = '{NAME}'"
)


def numbers(day: int, per_day: int) -> range:
    """The partitions of a day; a late day has one beyond the core ones."""
    return range(per_day + (day >= DAYS - LATE_DAYS))


def segment(day: int, number: int, per_day: int) -> str:
    """One segment's JSON."""
    chunk, shard = CHUNKS[day], "hashed" if number < per_day else "numbered"
    return SEGMENT.format(
        chunk=chunk, place=chunk.replace("/", "_"), version=VERSION, number=number, core=per_day, shard=shard
    )


def listed(days: Iterable[int], per_day: int, *, scattered: bool) -> Iterator[str]:
    """The segments of ``days``, a few thousand at a time."""
    wanted = list(days)
    if scattered:
        for number in range(per_day + 1):
            yield ",".join(segment(day, number, per_day) for day in wanted if number in numbers(day, per_day))
        return
    for day in wanted:
        yield ",".join(segment(day, number, per_day) for number in numbers(day, per_day))


class Druid(BaseHTTPRequestHandler):
    """What is asked of Druid here."""

    per_day: ClassVar[int]
    scattered: ClassVar[bool]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a listing or a query."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == LISTING:
            self._send(listed(_days(map(Interval.parse, body)), self.per_day, scattered=self.scattered))
        elif "GROUP BY" in body["query"]:
            self._send(json.dumps(self._row(day) | _sums(len(numbers(day, self.per_day)))) for day in range(DAYS))
        elif body["query"] == PEER:
            self._send(self._peer_rows())
        else:
            _, *ends = (each["value"] for each in body["parameters"])
            spans = zip(ends[::2], ends[1::2], strict=True)
            self._send(self._rows(_days(Interval.parse(f"{start}/{end}") for end, start in spans)))

    def _row(self, day: int) -> dict[str, Any]:
        start, end = CHUNKS[day].split("/")
        return {"start": start, "end": end, "version": VERSION}

    def _rows(self, days: Iterable[int]) -> Iterator[str]:
        for day in days:
            place = CHUNKS[day].replace("/", "_")
            for number in numbers(day, self.per_day):
                name = f"{NAME}_{place}_{VERSION}" + (f"_{number}" if number else "")
                yield json.dumps(self._row(day) | {"segment_id": name, "num_rows": 4_800_000})

    def _peer_rows(self) -> Iterator[str]:
        for day in range(DAYS):
            row = self._row(day) | {"size": 480_000_123, "num_rows": 4_800_000}
            yield ",".join(json.dumps(row | {"partition_num": n}) for n in numbers(day, self.per_day))

    def _send(self, items: Iterable[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        between = b"["
        for item in filter(None, items):
            self._chunk(between + item.encode())
            between = b","
        self._chunk(b"]" if between == b"," else b"[]")
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _days(intervals: Iterable[Interval]) -> list[int]:
    wanted = list(intervals)
    return [day for day, chunk in enumerate(CHUNKS) if any(Interval.parse(chunk).overlaps(each) for each in wanted)]


def _sums(segments: int) -> dict[str, int]:
    return {"segments": segments, "num_rows": segments * 4_800_000}


@contextmanager
def serving(per_day: int, *, scattered: bool) -> Iterator[str]:
    """Yield the URL of such a Druid."""
    kind = type("Serving", (Druid,), {"per_day": per_day, "scattered": scattered})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Store:
    """The one object that a plan reads: the ledger."""

    body: bytes | None = None

    def get_with_etag(self, _: Any) -> tuple[bytes, str] | None:
        """The ledger."""
        return (self.body, "") if self.body is not None else None

    def put_if(self, _: Any, body: bytes, **__: Any) -> str:
        """Keep it."""
        self.body = body
        return ""


def receive(url: str, _: int) -> int:
    """Read the listing, and throw it away."""
    with DruidHttp(DruidConfig(url, url, url)) as http:
        ask = Ask("receive", "POST", url + LISTING, body=[str(WINDOW)])
        return http.run(ask, lambda response: sum(len(each) for each in response.iter_bytes(1 << 20)))


def plan(url: str, per_day: int) -> int:
    """Plan a night of which all but the late days were recorded as they are."""
    boundaries = load_boundaries(ROOT / "emr_configs")
    pipeline = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", boundaries)
    store: Any = Store()
    definition = definition_of(pipeline, {})
    LedgerShelf(store, boundaries.phi, NAME).keep({
        chunk: Built(VERSION, "i", "", partitions_digest({f"{chunk} {VERSION}": (1 << per_day) - 1}), definition)
        for chunk in CHUNKS
    })  # fmt: skip
    with DruidClient(DruidConfig(url, url, url)) as druid:
        found = Planning(pipeline, {}, boundaries.phi, druid, store).decide(WINDOW)
    assert (found.considered_chunks, len(found.chunks)) == (DAYS, LATE_DAYS), found.explanation
    return found.considered_chunks


def pandas(url: str, _: int) -> int:
    """Group what pydruid returns by interval and version."""
    import pandas as pd
    from pydruid.db import connect

    port = int(url.rpartition(":")[2])
    cursor = connect(host="127.0.0.1", port=port, path="/druid/v2/sql/", scheme="http").cursor()
    cursor.execute(PEER)
    frame = pd.DataFrame(cursor.fetchall())
    sets = frame.groupby(["start", "end", "version"]).agg({"size": "sum", "num_rows": "sum", "partition_num": "count"})
    return len(sets)


MEASURED: dict[str, Callable[[str, int], int]] = {"receive": receive, "plan": plan, "pandas": pandas}


def measure(name: str, per_day: int, *, scattered: bool = False) -> tuple[float, float]:
    """Seconds of CPU and the most megabytes of a process that does it."""
    with serving(per_day, scattered=scattered) as url:
        command = [sys.executable, __file__, "--measure", name, "--url", url, "--per-day", str(per_day)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


def report(segments: int) -> None:
    """Measure and print."""
    per_day = segments // DAYS
    received, _ = measure("receive", per_day)
    peer, peer_mb = measure("pandas", per_day)
    print(f"{segments:,} segments: receive {received:.2f} s CPU; pydruid + pandas {peer:.2f} s CPU, {peer_mb:.0f} MB")  # noqa: T201
    for scattered in (False, True):
        planned, megabytes = measure("plan", per_day, scattered=scattered)
        left = planned - received
        order = "scattered" if scattered else "by day"
        print(  # noqa: T201
            f"  plan, {order}: {left:.2f} s CPU after the bytes arrived (limit {CPU_SECONDS_MAX:g} at 1,000,000), "
            f"{planned:.2f} in all; {megabytes:.0f} MB (limit {PEAK_MB_MAX:g}); "
            f"pydruid + pandas / plan: {peer / planned:.1f} CPU, {peer_mb / megabytes:.1f} memory"
        )


def main() -> None:
    """Report each size; or, as a process of its own, do one thing and print what it cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure", choices=MEASURED)
    parser.add_argument("--url", default="")
    parser.add_argument("--per-day", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    asked = parser.parse_args()
    if asked.measure is None:
        for segments in asked.sizes:
            report(segments)
        return
    began = time.process_time()
    MEASURED[asked.measure](asked.url, asked.per_day)
    print(json.dumps([time.process_time() - began, peak_mb(os.getpid())]))  # noqa: T201


if __name__ == "__main__":
    main()
