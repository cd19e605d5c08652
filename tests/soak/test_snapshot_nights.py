"""Nights of the snapshot that a person forces: equal, however often, and changed by a late claim on its day alone."""

from __future__ import annotations

import pytest

import snapshots
from druid_reindex.sandbox.synthea import histories
from druid_reindex.sandbox.tokens import TOKEN_KEY_SECRET
from real_sandbox import PATIENTS, SNAPSHOT, Sandbox
from snapshots import Snapshot, asked

pytestmark = pytest.mark.soak

TWO_DAYS = "2026-10-04/2026-10-06"
LATE_CENTS = 1_000_000


@pytest.fixture(scope="module")
def built(sandbox: Sandbox) -> Snapshot:
    """What is served once the whole window has been built: every patient-day of the files."""
    assert sandbox.night(SNAPSHOT).status in {"rebuilt", "nothing to do"}
    files = histories(sandbox.home, PATIENTS.seed, PATIENTS.population, print)
    wanted = snapshots.expected(files, sandbox.home.secret(TOKEN_KEY_SECRET).encode(), sandbox.planted)
    served = snapshots.served(sandbox)
    assert snapshots.differences(served, wanted) == snapshots.differences(snapshots.loaded(sandbox), wanted) == {}
    return served


def forced(sandbox: Sandbox) -> tuple[Snapshot, Snapshot]:
    """What is served, and what the table has, after two days were built anew."""
    night = sandbox.night(SNAPSHOT, interval=TWO_DAYS, force=True)
    assert (night.status, night.chunks_rebuilt) == ("rebuilt", 2)
    return snapshots.served(sandbox), snapshots.loaded(sandbox)


def test_three_forced_nights_leave_what_was_there(sandbox: Sandbox, built: Snapshot) -> None:
    for _ in range(3):
        served, loaded = forced(sandbox)
        assert snapshots.differences(served, built) == {}
        assert snapshots.differences(loaded, built) == {}


def test_a_late_claim_changes_its_patients_day_and_nothing_else(sandbox: Sandbox, built: Snapshot) -> None:
    ((patient, day),) = asked(
        sandbox,
        "SELECT patient_id, CAST(service_date AS VARCHAR) FROM billing.claims "
        "WHERE service_date = '2026-10-05' ORDER BY claim_id LIMIT 1",
    )
    asked(sandbox, f"INSERT INTO billing.claims VALUES ('late', '{patient}', '{day}', '', {LATE_CENTS}, 0)")
    try:
        served, loaded = forced(sandbox)
    finally:
        asked(sandbox, "DELETE FROM billing.claims WHERE claim_id = 'late'")
    assert snapshots.differences(loaded, served) == {}
    (((_, changed, kind), (now, was)),) = snapshots.differences(served, built).items()
    assert (changed, kind) == (day, "claim")
    assert now is not None
    assert was is not None
    assert now.exact == (was.events + 1, was.charged_cents + LATE_CENTS, was.paid_cents)
