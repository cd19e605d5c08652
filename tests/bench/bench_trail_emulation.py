"""What the account's CloudTrail costs a request, beside the same request without it.

One process with the account behind its TLS endpoint and boto3 as its client, asked in turns with the recorder and
without it. Prints CPU microseconds of both sides for each kind of request, and the bytes of a record on disk; ends with
1 when the median of the ratios is above the limit.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

sys.path.insert(0, str(Path(__file__).parents[1]))

from druid_reindex.sandbox import addresses, pki
from druid_reindex.sandbox.aws import wsgi
from druid_reindex.sandbox.aws.gate.middleware import Gate
from druid_reindex.sandbox.aws.site import REGION
from druid_reindex.sandbox.aws.tls import TlsServer
from druid_reindex.sandbox.home import SandboxHome
from recorded_account import DATA, Recorded, recorded_account

MOST_RATIO = 0.05
REQUESTS = 300


def main() -> int:
    with tempfile.TemporaryDirectory() as text, recorded_account(Path(text)) as recorded:
        sides = {"alone": wsgi.application((Gate(recorded.account.records, enforcing=True),))}
        sides["trail"] = recorded.account.application
        ratios = []
        with served(recorded, SandboxHome(Path(text) / "home", Path(text) / "cache")) as (server, client):
            for name, ask in kinds(client).items():
                times: dict[str, list[float]] = {side: [] for side in sides}
                for _ in range(REQUESTS):
                    for side, application in sides.items():
                        server.app = application
                        times[side].append(timed(ask))
                alone, trail = (1e6 * statistics.median(times[side]) for side in sides)
                ratios.append((trail - alone) / alone)
                print(f"{name}: without {alone:.0f} us, recorded {trail:.0f} us, {ratios[-1]:+.1%}")  # noqa: T201
        lines = (Path(text) / "trail" / "pending.jsonl").read_bytes().splitlines()
    middle = statistics.median(ratios)
    print(f"{sum(map(len, lines)) // len(lines)} bytes a record")  # noqa: T201
    print(f"the trail adds {middle:.1%} of a request's time; limit {MOST_RATIO:.0%}")  # noqa: T201
    return 0 if middle <= MOST_RATIO else 1


@contextlib.contextmanager
def served(recorded: Recorded, home: SandboxHome) -> Iterator[tuple[TlsServer, Callable[[str], Any]]]:
    """Yield the account's endpoint in a thread, and what makes a client of it."""
    pki.ensure_ca(home)
    files = pki.server_certificate(home, "aws")
    port = addresses.free_port()
    server = TlsServer(addresses.LOOPBACK, port, recorded.account.application, files.certificate, files.key)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    recorded.encrypt(bucket_key=True)
    made: list[Any] = []

    def client(service: str) -> Any:
        made.append(
            boto3.client(
                service,
                endpoint_url=f"https://{addresses.LOOPBACK}:{port}",
                verify=str(home.ca_file),
                region_name=REGION,
                aws_access_key_id=recorded.alice.access_key,
                aws_secret_access_key=recorded.alice.secret_key,
                config=Config(s3={"addressing_style": "path"}),
            )
        )
        return made[-1]

    try:
        yield server, client
    finally:
        for each in made:
            each.close()
        server.shutdown()
        server.server_close()


def kinds(client: Callable[[str], Any]) -> dict[str, Callable[[], object]]:
    s3, kms = client("s3"), client("kms")
    s3.put_object(Bucket=DATA, Key="x", Body=b"x" * 100_000)

    def got() -> bytes:
        content: bytes = s3.get_object(Bucket=DATA, Key="x")["Body"].read()
        return content

    return {
        "HEAD object": lambda: s3.head_object(Bucket=DATA, Key="x"),
        "GET 100 kB": got,
        "PUT 100 kB": lambda: s3.put_object(Bucket=DATA, Key="y", Body=b"y" * 100_000),
        "LIST": lambda: s3.list_objects_v2(Bucket=DATA, Prefix="x"),
        "KMS": kms.list_keys,
    }


def timed(call: Callable[[], object]) -> float:
    """CPU seconds of the whole process, which a busy machine does not lengthen."""
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    raise SystemExit(main())
