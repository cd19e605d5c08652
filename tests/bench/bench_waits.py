"""What 1,000 runs that wait ask of AWS, beside the Amazon provider's own deferrable EmrStepSensor.

Airflow's own TriggerRunner, in a process of its own, runs 1,000 triggers on one event loop: 50 steps on each of 20
clusters. A stand-in counts requests over loopback, with aiobotocore on the other side for both. A second kind of wait,
for 1,000 Druid tasks, has no peer. No worker takes part: a task whose trigger runs has deferred, which ends its process
and frees its slot. That our tasks defer at their first look is shown by tests/unit/operators/test_waiting.py.

Not counted: the leases that waiting tasks hold, each renewed in S3 by one conditional PUT about every ten minutes.

Prints calls, the event loop's lag and CPU, and ends with 1 when the limit does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from stand_in import StandIn, serving

MOST_CALLS_RATIO = 1 / 20
WARM_UP_SECONDS = 900.0
KINDS = {"stock": "EmrStepSensorTrigger", "steps": "EmrStepTrigger", "tasks": "DruidTaskTrigger"}


@dataclass(frozen=True)
class Measured:
    """One process in its window of time, and what it took until everything had been asked for once."""

    calls: Counter[str]
    cpu_seconds: float
    warm_up_calls: int
    warm_up_cpu_seconds: float
    lags: list[float]
    peak_mb: float

    def lag_ms(self, quantile: float) -> float:
        """How late the event loop came to a timer."""
        return 1000 * sorted(self.lags)[min(len(self.lags) - 1, int(quantile * len(self.lags)))]

    def __str__(self) -> str:
        calls = ", ".join(f"{operation} {count}" for operation, count in self.calls.items())
        return (
            f"{calls}; {self.cpu_seconds:.2f} s CPU; lag p99 {self.lag_ms(0.99):.1f} ms, max {self.lag_ms(1):.1f} ms; "
            f"before that, until all was asked for: {self.warm_up_calls} calls, {self.warm_up_cpu_seconds:.1f} s CPU; "
            f"peak memory {self.peak_mb:.0f} MB"
        )


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser()
    for name, default in {"clusters": 20, "waits": 50, "poll-seconds": 10, "rounds": 6}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    total = asked.clusters * asked.waits
    print(f"{total} waits, {asked.waits} a cluster, every {asked.poll_seconds} s, for {asked.rounds} rounds")  # noqa: T201
    found = {}
    for kind, name in KINDS.items():
        found[kind] = measured(kind, asked)
        print(f"{name}: {found[kind]}")  # noqa: T201
    ours, stock, tasks = (found[kind].calls.total() for kind in ("steps", "stock", "tasks"))
    print(f"DruidTaskTrigger: {tasks / asked.rounds:.1f} calls a round")  # noqa: T201
    print(f"calls of EmrStepTrigger / EmrStepSensorTrigger: {ours / stock:.4f} (limit {MOST_CALLS_RATIO:.4f})")  # noqa: T201
    holds = 0 < ours <= stock * MOST_CALLS_RATIO
    print("PASS" if holds else "FAIL")  # noqa: T201
    return 0 if holds else 1


def measured(kind: str, asked: argparse.Namespace) -> Measured:
    """A process with triggers of ``kind``, for so many rounds once everything has been asked for."""
    everything = asked.clusters * (1 if kind == "steps" else asked.waits)
    with tempfile.TemporaryDirectory() as home, serving(asked.waits) as stand_in:
        with waiting(kind, asked, Path(home), stand_in) as child:
            wait_until_asked(stand_in, everything, child)
            warm_up_calls, warm_up_cpu = stand_in.calls.total(), cpu_seconds(child)
            time.sleep(asked.poll_seconds)
            began, calls, cpu = time.monotonic(), stand_in.calls.copy(), cpu_seconds(child)
            time.sleep(asked.poll_seconds * asked.rounds)
            ended, calls, cpu = time.monotonic(), stand_in.calls - calls, cpu_seconds(child) - cpu
            child.terminate()
            child.wait(60)
        told = json.loads((Path(home) / "told.json").read_text())
        lags = [late for due, late in told["lags"] if began <= due <= ended]
        return Measured(calls, cpu, warm_up_calls, warm_up_cpu, lags, told["peak_mb"])


@contextmanager
def waiting(kind: str, asked: argparse.Namespace, home: Path, stand_in: StandIn) -> Iterator[subprocess.Popen[bytes]]:
    """The process that waits; gone when the block ends, with the tail of what it said if it was not well."""
    words = [kind, asked.clusters, asked.waits, asked.poll_seconds, home / "told.json"]
    script, log = Path(__file__).with_name("waiting.py"), home / "log"
    with log.open("wb") as said:
        child = subprocess.Popen(
            [sys.executable, str(script), *map(str, words)],
            env=environment(home, stand_in.url),
            stdout=said,
            stderr=said,
        )
    try:
        yield child
    except BaseException:
        print(log.read_text()[-3000:], file=sys.stderr)  # noqa: T201
        raise
    finally:
        child.kill()
        child.wait()


def wait_until_asked(stand_in: StandIn, everything: int, child: subprocess.Popen[bytes]) -> None:
    """Return once so many different things were asked for. Raises TimeoutError."""
    give_up = time.monotonic() + WARM_UP_SECONDS
    while len(stand_in.asked) < everything:
        if child.poll() is not None or time.monotonic() > give_up:
            raise TimeoutError(f"{len(stand_in.asked)} of {everything} asked for, exit code {child.poll()}")
        time.sleep(0.1)


def cpu_seconds(child: subprocess.Popen[bytes]) -> float:
    """CPU of the process until now."""
    times = psutil.Process(child.pid).cpu_times()
    return times.user + times.system


def environment(home: Path, url: str) -> dict[str, str]:
    """An Airflow of its own, with connections to the stand-in."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS"))}
    aws = {"conn_type": "aws", "login": "AKIAEXAMPLE", "password": "example", "extra": {"region_name": "us-east-1"}}
    host, _, port = url.removeprefix("http://").partition(":")
    druid = {"conn_type": "druid", "schema": "http", "host": host, "port": int(port)}
    return own | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW_CONN_AWS": json.dumps(aws),
        "AIRFLOW_CONN_DRUID": json.dumps(druid),
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "DO_NOT_TRACK": "1",
    }


if __name__ == "__main__":
    sys.exit(main())
