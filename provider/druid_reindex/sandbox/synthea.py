"""Synthetic patients: Synthea run once for each seed and population, its CSV files kept in the download cache.

The same seed and population give the same bytes on every run: patients are made one after the other, the dates that
Synthea would take from the clock are fixed, and so are the time zone and the encoding. The whole of each life is
exported, because Synthea's default of ten years counts back from the day of the run.
Source: https://github.com/synthetichealth/synthea/wiki/Basic-Setup-and-Running
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path

from druid_reindex.errors import DeadlineError
from druid_reindex.sandbox import distributions
from druid_reindex.sandbox.distributions import Report
from druid_reindex.sandbox.home import SandboxHome, locked
from druid_reindex.sandbox.processes import OwnedProcess, SandboxStartError, ServiceSpec, tail

REFERENCE_DATE = "20260901"
PLACE = "Massachusetts"
RUN_SECONDS = 1800.0
POLL_SECONDS = 0.2
_JVM_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx1g",
    "-Duser.timezone=UTC",
    "-Dfile.encoding=UTF-8",
)
# `excluded_files` has a default, and Synthea ignores `included_files` unless the other is empty.
_SETTINGS = (
    "--generate.thread_pool_size=1",
    "--exporter.csv.export=true",
    "--exporter.csv.included_files=observations.csv,conditions.csv,devices.csv,claims.csv,claims_transactions.csv",
    "--exporter.csv.excluded_files=",
    "--exporter.years_of_history=0",
    "--exporter.metadata.export=false",
    "--exporter.fhir.export=false",
    "--exporter.fhir.transaction_bundle=false",
    "--exporter.hospital.fhir.export=false",
    "--exporter.practitioner.fhir.export=false",
)


@dataclass(frozen=True)
class Histories:
    """Synthea's CSV files of one population; they hold identifiers and never leave this machine."""

    observations: Path
    conditions: Path
    devices: Path
    claims: Path
    claims_transactions: Path


def histories(home: SandboxHome, seed: int, population: int, report: Report) -> Histories:
    """Return the files of `population` living patients (and some who died), made where the cache has none.

    Raises SandboxStartError when Synthea fails and DeadlineError when it does not end.
    """
    recipe = hashlib.sha256(repr((_JVM_OPTIONS, _SETTINGS, REFERENCE_DATE, PLACE)).encode()).hexdigest()[:10]
    name = f"patients-{distributions.SYNTHEA_VERSION}-{seed}-{population}-{recipe}"
    folder = home.cache / name
    if not folder.is_dir():
        jars = distributions.synthea(home, report)
        home.cache.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            if not folder.is_dir():
                _make(home, jars, folder, (seed, population), report)
    return Histories(**{kind.name: folder / f"{kind.name}.csv" for kind in fields(Histories)})


def command(jars: Path, into: Path, seed: int, population: int) -> tuple[str, ...]:
    """Return Synthea's command line; its files appear in `into`/csv."""
    seeds = ("-s", str(seed), "-cs", str(seed))
    dates = ("-r", REFERENCE_DATE, "-e", REFERENCE_DATE)
    output = f"--exporter.baseDirectory={into}"
    java = ("java", *_JVM_OPTIONS, "-cp", f"{jars}/*", "App")
    return (*java, *seeds, "-p", str(population), *dates, *_SETTINGS, output, PLACE)


def _make(home: SandboxHome, jars: Path, folder: Path, people: tuple[int, int], report: Report) -> None:
    seed, population = people
    report(f"synthea: making {population} patients from seed {seed}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=home.cache, prefix=".patients-") as unfinished:
        into = Path(unfinished)
        _run(
            ServiceSpec(
                name="synthea",
                argv=command(jars, into, seed, population),
                env={name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ},
                cwd=into,
                log=home.logs() / "synthea.log",
            )
        )
        (into / "csv").rename(folder)
    report(f"synthea: {population} patients, {time.monotonic() - started:.0f} s")


def _run(spec: ServiceSpec) -> None:
    process = OwnedProcess.start(spec)
    deadline = time.monotonic() + RUN_SECONDS
    try:
        while (status := process.poll()) is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    finally:
        process.stop()
    if status is None:
        raise DeadlineError(
            "Making synthetic patients",
            resource=str(spec.log),
            came_back=f"Synthea did not end within {RUN_SECONDS:g} seconds",
            remedy="ask for a smaller population, or stop what else uses the processor",
        )
    if status != 0:
        raise SandboxStartError(
            "Making synthetic patients",
            resource=str(spec.log),
            came_back=f"Synthea ended with status {status}; its log ends with:\n{tail(spec.log)}",
            remedy="read the log named above; a truncated download is made good by removing Synthea from the cache",
        )
