"""What the account's CloudTrail costs a request, beside the same request without it.

In one process, without sockets: moto behind its gate, and the same behind the recorder, asked the same signed requests
in turns. Prints microseconds for each kind of request and the ratio, and the bytes of a record on disk; ends with 1
when the median of the ratios is above the limit.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_gate import requests, timed

from druid_reindex.sandbox.aws import wsgi
from druid_reindex.sandbox.aws.gate.middleware import Gate
from gated_account import gated_account
from trail_account import Recorded

MOST_RATIO = 0.08
REQUESTS = 400


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, gated_account(Path(folder)) as account:
        recorded = Recorded(account, Path(folder), enforcing=False)
        recorded.select(DataResources=[{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}])
        kinds = requests(account)
        sides = {"alone": wsgi.application((Gate(account.records, enforcing=True),)), "trail": account.application}
        ratios = []
        for name, wanted in kinds.items():
            times: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(REQUESTS):
                for side, application in sides.items():
                    account.application = application
                    times[side].append(timed(lambda wanted=wanted: account.send(wanted)))
            alone, trail = (1e6 * statistics.median(times[side]) for side in sides)
            ratios.append((trail - alone) / alone)
            print(f"{name}: without {alone:.0f} us, recorded {trail:.0f} us, {ratios[-1]:+.1%}")  # noqa: T201
        files = [each for each in (Path(folder) / "trail").iterdir() if each.name == "pending.jsonl"]
        lines = files[0].read_bytes().splitlines()
        recorded.service.stop()
    middle = statistics.median(ratios)
    print(f"{sum(map(len, lines)) // len(lines)} bytes a record")  # noqa: T201
    print(f"the trail adds {middle:.1%} of a request's time; limit {MOST_RATIO:.0%}")  # noqa: T201
    return 0 if middle <= MOST_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
