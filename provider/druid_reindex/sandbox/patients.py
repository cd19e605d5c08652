"""The sandbox's patients: synthetic histories, their identifiers replaced by tokens, ingested into Druid."""

from __future__ import annotations

from dataclasses import dataclass

from druid_reindex.sandbox import events, synthea
from druid_reindex.sandbox.distributions import Report
from druid_reindex.sandbox.events import DayFiles
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.synthea import Histories
from druid_reindex.sandbox.tokens import TOKEN_KEY_SECRET


@dataclass(frozen=True)
class PatientFiles:
    """One population: `days` are its tokenised events; `histories` hold identifiers and stay on this machine."""

    seed: int
    population: int
    days: DayFiles
    histories: Histories


def prepare_patients(home: SandboxHome, seed: int, population: int, report: Report) -> PatientFiles:
    """Return the population's events, with tokens under this sandbox's own key. Raises what `synthea` raises."""
    histories = synthea.histories(home, seed, population, report)
    key = home.secret(TOKEN_KEY_SECRET).encode()
    folder = home.data("patients") / f"{seed}-{population}"
    return PatientFiles(seed, population, events.day_files(histories.observations, key, folder), histories)
