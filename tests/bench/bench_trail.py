"""What it costs to verify CloudTrail's log files and to find a night's events in them, beside what nobody can avoid.

The floor is libdeflate and SHA-256 on the same files. The peers do less: but for zlib + json and `aws` none verifies
anything, and they look at three named fields, not at everything that an event mentions. All must find the same events.

CPU seconds for each million records, the least of some runs in turns; a peer runs once. Then the memory of all
processes that read TRAIL_MEMORY_RECORDS records, the same files again and again. TRAIL_RECORDS are generated.
Ends with 1 when a limit does not hold.
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import deflate

sys.path.insert(0, str(Path(__file__).parents[1]))

import trail_peers
from trail_reader import in_digests

from druid_reindex.evidence.trail_digest import LogEntry
from druid_reindex.evidence.trail_log import check_log
from druid_reindex.evidence.trail_search import Searcher
from trail_account import BUCKET, HOUR, NIGHT, TRAIL, event, log_text
from trail_service import trail_account

RECORDS = int(os.environ.get("TRAIL_RECORDS", "100000"))
MEMORY_RECORDS = int(os.environ.get("TRAIL_MEMORY_RECORDS", str(5 * RECORDS)))
IN_A_FILE = 10_000
SESSIONS, REQUESTS = 120, 500
OWN_BUCKET = "drx-phi-111122223333"
# What S3's data events have besides: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html
AGENT = "[aws-sdk-java/2.20.1 Linux/5.10.0 OpenJDK_64-Bit_Server_VM/17.0.9 Java/17 exec-env/EC2 io/sync http/Apache]"
DETAILS = {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0,
           "SSEApplied": "SSE_KMS", "AuthenticationMethod": "AuthHeader", "bytesTransferredOut": 123456}  # fmt: skip
TLS = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"}
FLOOR, OURS, ROUNDS = "floor: libdeflate + SHA-256", "ours, verified and searched", 7
MOST_RATIO, MOST_BYTES = 1.6, 1 << 30


@dataclass(frozen=True)
class Log:
    """A file on disk as a digest names it."""

    path: Path
    entry: LogEntry


def keys() -> frozenset[str]:
    """A night's: the access keys of its sessions, their name, a bucket, a KMS key, some instances."""
    rnd = random.Random(1)
    sessions = {f"ASIA{rnd.getrandbits(64):016X}" for _ in range(SESSIONS)}
    instances = {f"i-{rnd.getrandbits(68):017x}" for _ in range(6)}
    return frozenset(sessions | instances | {"drx1.0a1b2c3d.", OWN_BUCKET, "11111111-1111-4111-8111-111111111111"})


def with_requests(wanted: frozenset[str]) -> frozenset[str]:
    """The same, and the request ids of calls whose access key nobody knows."""
    rnd = random.Random(3)
    return wanted | {f"{rnd.getrandbits(64):016X}" for _ in range(REQUESTS)}


def generated(folder: Path, wanted: list[str]) -> list[Log]:
    """Log files; in every fourth one, as a night is a part of a day, one event in a thousand is the night's."""
    logs, rnd = [], random.Random(2)
    for number in range(max(RECORDS // IN_A_FILE, 1)):
        events = []
        for place in range(IN_A_FILE):
            made = busy(event(number * IN_A_FILE + place, NIGHT + timedelta(milliseconds=30 * place)), rnd)
            if number % 4 == 0 and place % 1000 == 500:
                made["userIdentity"]["accessKeyId"] = rnd.choice(wanted)
            events.append(made)
        text = log_text(*events)
        path = folder / f"{number}.json.gz"
        path.write_bytes(deflate.gzip_compress(text, 6))
        logs.append(Log(path, LogEntry(BUCKET, f"logs/{number}", hashlib.sha256(text).hexdigest())))
    return logs


def busy(made: dict[str, Any], rnd: random.Random) -> dict[str, Any]:
    """The event with what differs from one event of a busy account to the next."""
    bucket, part = f"other-{rnd.randrange(5)}", uuid.UUID(int=rnd.getrandbits(128), version=4)
    key = f"warehouse/events/day={rnd.randrange(1, 29):02}/part-{rnd.randrange(1000):05}-{part}.c000.snappy.parquet"
    who = made["userIdentity"] | {"accessKeyId": f"ASIA{rnd.getrandbits(64):016X}"}
    who["arn"] = f"{who['arn'].rpartition('/')[0]}/i-{rnd.getrandbits(68):017x}"
    sent = DETAILS | {
        "x-amz-id-2": b64encode(rnd.randbytes(56)).decode(),
        "bytesTransferredOut": rnd.randrange(1 << 27),
    }
    return made | {
        "userIdentity": who, "userAgent": AGENT, "additionalEventData": sent,
        "requestID": f"{rnd.getrandbits(64):016X}", "eventID": str(uuid.UUID(int=rnd.getrandbits(128), version=4)),
        "sourceIPAddress": f"10.{rnd.randrange(256)}.7.9",
        "requestParameters": {"bucketName": bucket, "key": key, "Host": f"{bucket}.s3.us-east-1.amazonaws.com"},
        "resources": [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
                      {"accountId": "111122223333", "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}],
        "tlsDetails": TLS | {"clientProvidedHostHeader": f"{bucket}.s3.us-east-1.amazonaws.com"},
    }  # fmt: skip


def cpu_seconds(work: Callable[[], object]) -> float:
    """What the work takes of processors, that of its children among it."""

    def spent() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(each.ru_utime + each.ru_stime for each in both)

    before = spent()
    work()
    return spent() - before


def floor(logs: list[Log]) -> None:
    for log in logs:
        hashlib.sha256(deflate.gzip_decompress(log.path.read_bytes())).hexdigest()


def ours(logs: list[Log], searcher: Searcher | None) -> set[str]:
    found = set()
    for log in logs:
        checked = check_log(log.entry, log.path.read_bytes(), searcher)
        assert checked.verdict == "valid", checked
        found |= {each.event_id for each in checked.events}
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wanted = keys()
        logs = generated(Path(folder), sorted(key for key in wanted if key.startswith("ASIA")))
        ratio = compared(logs, wanted)
        used = memory(logs)
    print(f"verified and searched: {ratio:.2f} of the floor; limit {MOST_RATIO}")  # noqa: T201
    print(f"{MEMORY_RECORDS:,} records in {used / (1 << 20):.0f} MiB; limit {MOST_BYTES >> 20}")  # noqa: T201
    return 0 if ratio <= MOST_RATIO and used <= MOST_BYTES else 1


def compared(logs: list[Log], wanted: frozenset[str]) -> float:
    """The ratio of verification and search to the floor."""
    searcher, more, paths = Searcher(wanted), Searcher(with_requests(wanted)), [log.path for log in logs]
    assert ours(logs, more) == ours(logs, searcher)
    expected = ours(logs, searcher)
    runs: dict[str, Callable[[], object]] = {
        FLOOR: partial(floor, logs), "ours, verified": partial(ours, logs, None), OURS: partial(ours, logs, searcher),
        f"the same, with {REQUESTS} request ids": partial(ours, logs, more),
    }  # fmt: skip
    least = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        least = {name: min(seconds, cpu_seconds(runs[name])) for name, seconds in least.items()}
    peers = {"zlib + json": trail_peers.of_python, "polars": trail_peers.of_polars, "DuckDB": trail_peers.of_duckdb}
    if shutil.which("jq"):
        peers["gzip + jq"] = trail_peers.of_jq
    for name, peer in peers.items():
        found: set[str] = set()
        least[name] = cpu_seconds(lambda peer=peer, found=found: found.update(peer(paths, wanted)))
        assert found == expected, f"{name} finds {len(found)} events, not {len(expected)}"
    least["aws cloudtrail validate-logs (verifies)"] = validated(logs)
    records = len(logs) * IN_A_FILE
    packed = sum(path.stat().st_size for path in paths)
    size = sum(len(deflate.gzip_decompress(path.read_bytes())) for path in paths)
    print(f"{size / records:,.0f} bytes a record, {size / packed:.1f} to 1 when compressed")  # noqa: T201
    print(f"{records:,} records in {len(logs)} files, {len(expected)} of them found by {len(wanted)} keys")  # noqa: T201
    for name, seconds in least.items():
        print(f"{name:42} {1e6 * seconds / records:7.2f} s of CPU a million records")  # noqa: T201
    return least[OURS] / least[FLOOR]


def validated(logs: list[Log]) -> float:
    files = in_digests([log.entry for log in logs], 1)
    with trail_account() as account:
        account.hold(files)
        for log in logs:
            account.s3.put_object(Bucket=BUCKET, Key=log.entry.s3_object, Body=log.path.read_bytes())
        times = ("--start-time", f"{NIGHT:%Y-%m-%dT%H:%M:%SZ}", "--end-time", f"{NIGHT + HOUR:%Y-%m-%dT%H:%M:%SZ}")
        command = ("aws", "cloudtrail", "validate-logs", "--trail-arn", TRAIL, "--s3-bucket", BUCKET, *times)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = account.run(*command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert f"{len(logs)}/{len(logs)} log files valid" in done.stdout, done
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def memory(logs: list[Log]) -> int:
    """The most bytes that the reading process and its two judges may have had together."""
    times = max(MEMORY_RECORDS // (len(logs) * IN_A_FILE), 1)
    reader = str(Path(__file__).with_name("trail_reader.py"))
    command = [sys.executable, reader, str(logs[0].path.parent), str(times), *keys()]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    raise SystemExit(main())
