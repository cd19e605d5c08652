"""What the gate before the emulated account costs, beside what moto itself takes for the same request.

In one process, without sockets: moto's WSGI application alone, and the same application behind an enforcing gate, asked
the same signed requests in turns. Both include what bodies at rest cost, because the account always encrypts them.

Prints microseconds for each kind of request and the ratio, and ends with 1 when a limit does not hold.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSRequest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

sys.path.insert(0, str(Path(__file__).parents[1]))

from druid_reindex.sandbox.aws.site import REGION
from gated_account import HOST, JSON, Account, allow, gated_account, sign

MOST_RATIO = 0.6
REQUESTS = 300
STATEMENTS = 40


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, gated_account(Path(folder)) as account:
        kinds = requests(account)
        gated = account.application
        alone = DomainDispatcherApplication(create_backend_app)
        worst = 0.0
        for name, wanted in kinds.items():
            times = {"moto": 0.0, "gate": 0.0}
            for _ in range(REQUESTS):
                for side, application in (("moto", alone), ("gate", gated)):
                    account.application = application
                    times[side] += timed(lambda wanted=wanted: account.send(wanted))
            per_call = {side: 1e6 * seconds / REQUESTS for side, seconds in times.items()}
            ratio = (per_call["gate"] - per_call["moto"]) / per_call["moto"]
            worst = max(worst, ratio)
            line = f"{name}: moto {per_call['moto']:.0f} us, with the gate {per_call['gate']:.0f} us, +{ratio:.0%}"
            print(line)  # noqa: T201
    print(f"the gate adds at most {worst:.0%} of moto's own time; limit {MOST_RATIO:.0%}")  # noqa: T201
    return 0 if worst <= MOST_RATIO else 1


def requests(account: Account) -> dict[str, AWSRequest]:
    """Requests of a user whose policy is as long as a real one."""
    key = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    account.s3.create_bucket("bkt", REGION)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key.arn}}
    account.s3.put_bucket_encryption("bkt", {"Rule": rule})
    account.s3.put_object("bkt", "key", b"x" * 100_000)
    filler: list[dict[str, Any]] = [
        allow("s3:GetObject", f"arn:aws:s3:::other-{number}/*") for number in range(STATEMENTS)
    ]
    who = account.user("airflow", *filler, allow(["s3:*", "kms:*", "elasticmapreduce:*"]))
    json = {"X-Amz-Target": "TrentService.ListKeys", "Content-Type": JSON}
    wanted = {
        "HEAD object": ("s3", AWSRequest("HEAD", f"{HOST}/bkt/key")),
        "GET 100 kB": ("s3", AWSRequest("GET", f"{HOST}/bkt/key")),
        "GET a range": ("s3", AWSRequest("GET", f"{HOST}/bkt/key", headers={"Range": "bytes=10-99"})),
        "PUT 100 kB": ("s3", AWSRequest("PUT", f"{HOST}/bkt/new", data=b"y" * 100_000)),
        "LIST": ("s3", AWSRequest("GET", f"{HOST}/bkt?list-type=2&prefix=k")),
        "KMS": (
            "kms",
            AWSRequest("POST", f"{HOST}/", data=b"{}", headers=json | {"X-Amz-Target": "TrentService.ListKeys"}),
        ),
    }
    return {name: sign(who, service, request) for name, (service, request) in wanted.items()}


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
