"""Suspension and resumption: interrupted anywhere, whoever goes on, what a person did stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from druid_reindex.clients.suspensions import Suspender, SuspensionShelf, suspension_shelves
from druid_reindex.errors import FencedOutError, NoAnswerError, RefusedError
from druid_reindex.model.identity import RunId
from druid_reindex.model.suspension import Suspended, Suspension
from druid_reindex.model.writers import Supervisor, SupervisorVersion
from druid_reindex.plan import names
from druid_reindex.plan import suspension as rules
from timelines import boundaries
from twins import FakeDruid, FakeStore

PHI = boundaries().phi
DEPLOYMENT = UUID(int=1)
NOW = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
A, B = (RunId.of(DEPLOYMENT, dag_id="d", run_id=name) for name in "ab")
LOST = NoAnswerError("ask", resource="it", came_back="nothing", remedy="wait")
WRITES = {"put_if", "suspend_supervisor", "resume_supervisor", "supervisor_versions", "get_with_etag"}


@dataclass
class World:
    """Druid with two supervisors that run and one that a person has suspended, and where suspensions are kept.

    The call of number ``lost`` is not answered; whether it had arrived is ``arrives``.
    """

    druid: FakeDruid = field(
        default_factory=lambda: FakeDruid(supervisors=[Supervisor("s0", False), Supervisor("s1", False),
                                                       Supervisor("theirs", True)])
    )  # fmt: skip
    store: FakeStore = field(default_factory=FakeStore)
    lost: int = -1
    arrives: bool = False
    calls: int = 0
    now: datetime = NOW

    @property
    def shelf(self) -> SuspensionShelf:
        return SuspensionShelf(self.store, PHI, "vitals")

    def running(self) -> set[str]:
        return {each.supervisor_id for each in self.druid.supervisors if not each.is_suspended}

    def suspender(self, run: RunId = A) -> Suspender:
        mine = Suspension("vitals", DEPLOYMENT, run, 1, "druid_phi")
        shelf = SuspensionShelf(Unsure(self, self.store), PHI, "vitals")  # type: ignore[arg-type]
        return Suspender(shelf, Unsure(self, self.druid), mine, lambda _said: None, lambda: self.now)  # type: ignore[arg-type]

    def night(self, run: RunId = A) -> None:
        """What a night asks, from its plan to its verdict."""
        suspender = self.suspender(run)
        suspender.adopt()
        suspender.suspend([name for name in ("s0", "s1") if name in self.running()], lambda: None)
        assert self.running() == set()
        suspender.resume()


class Unsure:
    """A twin of which one call is lost."""

    def __init__(self, world: World, twin: Any) -> None:
        self._world, self._twin = world, twin

    def __getattr__(self, name: str) -> Any:
        return self._asked(getattr(self._twin, name)) if name in WRITES else getattr(self._twin, name)

    def _asked(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **kwargs: Any) -> Any:
            self._world.calls += 1
            if self._world.calls != self._world.lost:
                return call(*args, **kwargs)
            if self._world.arrives:
                call(*args, **kwargs)
            raise LOST

        return asked


def calls_of_a_night() -> int:
    world = World()
    world.night()
    return world.calls


CALLS = calls_of_a_night()


def test_what_runs_is_suspended_and_resumed_and_nothing_else() -> None:
    world = World()
    world.night()
    assert world.running() == {"s0", "s1"}
    record = world.shelf.read()
    assert record is not None
    assert record.supervisors == ()
    assert "theirs" not in world.druid.histories


def test_what_is_suspended_is_kept_before_the_call_under_the_boundarys_key() -> None:
    world, seen = World(), list[Suspension | None]()
    world.suspender().suspend(["s0"], lambda: seen.append(world.shelf.read()))
    assert seen == [Suspension("vitals", DEPLOYMENT, A, 1, "druid_phi", (Suspended("s0", "1", NOW),))]
    assert world.running() == {"s1"}
    assert {key for _, key in world.store.objects.values()} == {PHI.kms_key_arn}


@pytest.mark.parametrize("who", ["a retry", "the next run", "the reaper"])
@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("lost", range(1, CALLS + 1))
def test_interrupted_at_any_call_all_that_ran_runs_again(lost: int, who: str, *, arrives: bool) -> None:
    world = World(lost=lost, arrives=arrives)
    with pytest.raises(NoAnswerError):
        world.night()
    world.now += rules.RESUMED_WITHIN
    match who:
        case "a retry":
            world.night()
        case "the next run":
            world.night(B)
        case "the reaper":
            world.suspender().resume()
    assert world.running() == {"s0", "s1"}
    record = world.shelf.read()
    assert record is None or record.supervisors == ()


def test_one_that_a_person_resumed_or_took_away_is_left_alone() -> None:
    world = World()
    world.suspender().suspend(["s0", "s1"], lambda: None)
    world.druid.resume_supervisor("s0")
    world.druid.supervisors = [each for each in world.druid.supervisors if each.supervisor_id != "s1"]
    world.druid.histories["s1"].insert(0, SupervisorVersion("tombstone", is_suspended=False))
    asked = len(world.druid.histories["s0"])
    assert world.suspender().resume() == ()
    assert len(world.druid.histories["s0"]) == asked


def test_one_that_a_person_resumed_and_suspended_again_stays_suspended() -> None:
    world = World()
    world.suspender().suspend(["s0"], lambda: None)
    world.druid.resume_supervisor("s0")
    world.druid.suspend_supervisor("s0")
    assert world.suspender().resume() == ()
    assert world.running() == {"s1"}


def test_one_that_a_person_suspended_in_between_is_not_ours() -> None:
    world = World()
    world.suspender().suspend(["s0"], lambda: world.druid.suspend_supervisor("s0") and None)
    assert world.suspender().resume() == ()
    assert world.running() == {"s1"}
    world.suspender().suspend(["theirs"], lambda: None)
    assert world.suspender().resume() == ()


def test_a_request_that_arrives_late_is_ours_all_the_same() -> None:
    world = World()
    first = world.suspender()
    with pytest.raises(FencedOutError):
        first.suspend(["s0"], stop)
    world.suspender().suspend(["s0"], lambda: world.druid.suspend_supervisor("s0") and None)
    assert world.suspender().resume() == ("s0",)
    assert world.running() == {"s0", "s1"}


def stop() -> None:
    raise FencedOutError("go on", resource="the lease", came_back="another has it", remedy="stop")


def test_a_run_that_may_not_write_any_more_suspends_nothing() -> None:
    world = World()
    with pytest.raises(FencedOutError):
        world.suspender().suspend(["s0"], stop)
    assert world.running() == {"s0", "s1"}


def test_a_run_resumes_nothing_that_another_one_has_taken_over() -> None:
    world = World()
    world.suspender().suspend(["s0"], lambda: None)
    assert world.suspender(B).adopt() == ("s0",)
    assert world.suspender(A).resume() == ()
    assert world.suspender(B).resume() == ("s0",)


def test_one_that_is_not_resumed_hinders_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.suspender().suspend(["s0", "s1"], lambda: None)
    resume = world.druid.resume_supervisor

    def refuse(supervisor_id: str) -> bool:
        if supervisor_id == "s0":
            raise RefusedError("resume", resource="s0", came_back="no", remedy="ask")
        return resume(supervisor_id)

    monkeypatch.setattr(world.druid, "resume_supervisor", refuse)
    with pytest.raises(RefusedError):
        world.suspender().resume()
    record = world.shelf.read()
    assert record is not None
    assert (world.running(), [each.supervisor_id for each in record.supervisors]) == ({"s1"}, ["s0"])


def test_suspensions_are_found_on_their_side_of_the_boundary() -> None:
    store = FakeStore()
    assert suspension_shelves(store, PHI) == []
    shelf = SuspensionShelf(store, PHI, "vitals")
    shelf.swap(lambda _none: replace(Suspension("vitals", DEPLOYMENT, A, 1, "druid_phi")))
    store.put(names.suspensions_uri(PHI) / "notes.txt", b"", kms_key_arn="k")
    assert suspension_shelves(store, PHI) == [shelf]
    assert suspension_shelves(store, boundaries().general) == []
