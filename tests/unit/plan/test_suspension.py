"""Which supervisors a night suspends, whose a suspension is, and who has it in hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from druid_reindex.errors import ConflictError
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline, Submission, Supervisors
from druid_reindex.model.suspension import Suspended, Suspension
from druid_reindex.model.writers import Supervisor, SupervisorVersion, Writers
from druid_reindex.plan import suspension as rules
from timelines import pipeline

NOW = datetime(2026, 10, 6, 12, tzinfo=UTC)
DEPLOYMENT = UUID(int=1)
A, B = (RunId.of(DEPLOYMENT, dag_id="d", run_id=name) for name in "ab")
DAYS = [Interval.parse(f"2026-10-0{day}/2026-10-0{day + 1}") for day in (4, 5, 6)]
WRITERS = Writers((
    Supervisor("runs", is_suspended=False),
    Supervisor("rests", is_suspended=True),
    Supervisor("whose", is_suspended=False, is_known=False),
))  # fmt: skip


def of_run(run: RunId, *supervisors: Suspended) -> Suspension:
    return Suspension("vitals", DEPLOYMENT, run, 1, "druid_phi", supervisors)


def streamed(submit: Submission, supervisors: Supervisors = Supervisors.SUSPEND) -> Pipeline:
    """Into whose chunks of the last day a stream still appends."""
    window = {"streaming_window": timedelta(days=1), "submit": submit, "supervisors": supervisors}
    return pipeline().model_copy(update=window)


@pytest.mark.parametrize(
    ("submit", "chunks", "wanted"),
    [
        (Submission.OVERLORD, DAYS[:1], ()),
        (Submission.OVERLORD, DAYS[:2], ("runs",)),
        (Submission.OVERLORD, DAYS[2:], ("runs",)),
        (Submission.EMR_STEP, DAYS[:1], ("runs",)),
        (Submission.EMR_STEP, [], ()),
        (Submission.OVERLORD, [], ()),
    ],
)
def test_those_that_run_and_are_in_the_way_are_suspended_where_the_pipeline_says_so(
    submit: Submission, chunks: list[Interval], wanted: tuple[str, ...]
) -> None:
    assert rules.to_suspend(streamed(submit), chunks, WRITERS, NOW) == wanted
    assert rules.to_suspend(streamed(submit, Supervisors.LEAVE), chunks, WRITERS, NOW) == ()


def test_a_pipeline_leaves_them_alone_by_default() -> None:
    assert pipeline().supervisors is Supervisors.LEAVE


@pytest.mark.parametrize(
    ("history", "is_ours"),
    [
        ("", False),  # the call never arrived
        ("S", True),
        ("SR", True),  # its task count was changed just before
        ("RS", False),  # somebody has resumed it
        ("SRS", False),  # and suspended it again
        ("SS", False),  # or given it another spec, that is suspended too
        ("R", False),
    ],
)
def test_the_history_says_whose_a_suspension_is(history: str, is_ours: bool) -> None:
    """``history`` since our look, newest first: S for a suspended version, R for a running one."""
    since = [SupervisorVersion(f"v{len(history) - n + 1}", each == "S") for n, each in enumerate(history)]
    before = [SupervisorVersion("v1", is_suspended=False), SupervisorVersion("v0", is_suspended=True)]
    assert rules.is_ours(Suspended("s0", "v1", NOW), [*since, *before]) is is_ours
    assert not rules.is_ours(Suspended("s0", "gone", NOW), [*since, *before, *before])


def test_what_is_asked_for_is_kept_beside_the_others_and_settled_once() -> None:
    mine = of_run(A)
    first = rules.ask(mine, "s0", "v1", NOW)(None)
    both = rules.ask(mine, "s1", "v7", NOW)(first)
    again = rules.ask(mine, "s0", "v3", NOW)(both)
    assert again == of_run(A, Suspended("s1", "v7", NOW), Suspended("s0", "v3", NOW))
    assert rules.settled(mine, "s1")(again) == of_run(A, Suspended("s0", "v3", NOW))
    resuming = rules.resuming(mine, "s0", NOW)(again)
    assert resuming == of_run(A, Suspended("s1", "v7", NOW), Suspended("s0", "v3", NOW, NOW))


def test_a_run_touches_only_its_own() -> None:
    theirs = of_run(B, Suspended("s0", "v1", NOW))
    for change in (rules.settled(of_run(A), "s0"), rules.resuming(of_run(A), "s0", NOW)):
        assert change(theirs) is None
        assert change(None) is None


def test_the_leases_holder_takes_over_what_was_left() -> None:
    left = of_run(B, Suspended("s0", "v1", NOW))
    mine = replace(of_run(A), fence=9)
    assert rules.adopt(mine, NOW)(left) == replace(mine, supervisors=left.supervisors)
    for nothing in (None, of_run(B), replace(mine, supervisors=left.supervisors)):
        assert rules.adopt(mine, NOW)(nothing) is None


@pytest.mark.parametrize("run", [A, B], ids=["its own", "another's"])
def test_it_does_not_while_somebody_is_resuming_them_unless_he_must_be_dead(run: RunId) -> None:
    left = of_run(run, Suspended("s0", "v1", NOW, NOW))
    with pytest.raises(ConflictError, match="s0 of vitals"):
        rules.adopt(of_run(A), NOW + rules.RESUMED_WITHIN / 2)(left)
    taken = rules.adopt(of_run(A), NOW + rules.RESUMED_WITHIN)(left)
    assert taken == of_run(A, Suspended("s0", "v1", NOW))
