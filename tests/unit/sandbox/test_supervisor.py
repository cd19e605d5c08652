"""The supervisor's life, with small processes in the services' place."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from druid_reindex.sandbox import guard, supervisor
from druid_reindex.sandbox.distributions import DruidLayout
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import ServiceSpec
from druid_reindex.sandbox.state import Phase, SandboxState, endpoints, read_state, supervision
from druid_reindex.sandbox.supervisor import StopRequestedError, Supervisor

SERVE = 'trap "echo $NAME >> stops; exit 0" TERM; touch $NAME.up; while true; do sleep 0.02; done'


class Stage:
    """The sources of services, replaced by shell scripts whose stops are written down in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scripts: dict[str, str] = {}
        self.calls: list[str] = []

    def spec(self, name: str) -> ServiceSpec:
        return ServiceSpec(
            name=name,
            argv=("bash", "-c", self.scripts.get(name, SERVE)),
            env={"PATH": os.environ["PATH"], "NAME": name},
            cwd=self.folder,
            log=self.folder / f"{name}.log",
            ready=(self.folder / f"{name}.up").exists,
            ready_seconds=5,
            stop_seconds=5,
        )

    def stopped(self) -> list[str]:
        return (self.folder / "stops").read_text().split()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[SandboxHome]:
    home = SandboxHome(tmp_path / "root", tmp_path / "cache")
    with supervision(home):
        yield home


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path)
    layout = DruidLayout(tmp_path, tmp_path, tmp_path, tmp_path)
    monkeypatch.setattr(supervisor.distributions, "druid", lambda *_: layout)
    monkeypatch.setattr(supervisor.postgres, "postgres_service", lambda *_: stage.spec("postgres"))
    monkeypatch.setattr(supervisor.postgres, "make_databases", lambda *_: stage.calls.append("databases"))
    monkeypatch.setattr(supervisor.kdc, "site_service", lambda *_: stage.spec("kdc"))
    monkeypatch.setattr(supervisor.aws, "aws_service", lambda *_, **__: stage.spec("aws"))
    names = ("zookeeper", "coordinator", "broker")
    monkeypatch.setattr(supervisor.druid, "druid_services", lambda _: [stage.spec(name) for name in names])
    monkeypatch.setattr(supervisor.druid, "settle", lambda _: stage.calls.append("settled"))
    monkeypatch.setattr(supervisor, "make_users", lambda *_: stage.calls.append("users"))
    monkeypatch.setattr(supervisor, "_airflow", lambda _: [stage.spec("airflow")])
    monkeypatch.setattr(supervisor, "_settle_airflow", lambda _, url: stage.calls.append(url))
    monkeypatch.setattr(supervisor, "WATCH_SECONDS", 0.05)
    _spare_what_runs(monkeypatch)
    return stage


def _spare_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor kills all that is below its process, which is the tests' here: not what others of them started."""
    found, there = guard.descendants, guard.descendants(os.getpid())

    def own(root: int) -> set[int]:
        return found(root) - {pid for each in there for pid in (each, *found(each))}

    monkeypatch.setattr(guard, "descendants", own)


@pytest.fixture
def owner(home: SandboxHome, stage: Stage) -> Supervisor:
    return Supervisor(home, threading.Event())


def wait_for_phase(home: SandboxHome, phase: Phase) -> SandboxState:
    deadline = time.monotonic() + 10
    while (found := read_state(home)).phase is not phase:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_everything_starts_and_says_where_it_is(home: SandboxHome, stage: Stage, owner: Supervisor) -> None:
    owner.start(with_airflow=True)
    found = read_state(home)
    owner.stop()
    assert found.phase is Phase.UP
    assert {service.name: service.condition for service in found.services} == dict.fromkeys(
        ("postgres", "kdc", "aws", "zookeeper", "coordinator", "broker", "airflow"), "ready"
    )
    assert found.endpoints is not None
    assert stage.calls == ["databases", "settled", "users", found.endpoints.airflow]


def test_without_airflow_there_is_none(home: SandboxHome, owner: Supervisor) -> None:
    owner.start(with_airflow=False)
    found = endpoints(home)
    names = [service.name for service in read_state(home).services]
    owner.stop()
    assert found.airflow is None
    assert "airflow" not in names


def test_druid_stops_before_zookeeper_and_postgres_last(stage: Stage, owner: Supervisor) -> None:
    owner.start(with_airflow=True)
    assert owner.stop()
    order = stage.stopped()
    assert order[0] == "airflow"
    assert max(order.index("coordinator"), order.index("broker")) < order.index("zookeeper")
    assert set(order[-2:]) == {"postgres", "kdc"}


def test_a_service_that_dies_is_reported_with_its_log(home: SandboxHome, stage: Stage, owner: Supervisor) -> None:
    stage.scripts["broker"] = "touch broker.up; echo the heap is full; while [ ! -e die ]; do sleep 0.02; done; exit 3"
    owner.start(with_airflow=False)
    watching = threading.Thread(target=owner.watch)
    watching.start()
    (stage.folder / "die").touch()
    found = wait_for_phase(home, Phase.DEGRADED)
    owner.stop_requested.set()
    watching.join()
    owner.stop()
    assert "the heap is full" in found.detail
    assert {s.name: s.condition for s in found.services}["broker"] == "ended with status 3"


def test_a_stop_during_the_start_ends_it(stage: Stage, owner: Supervisor) -> None:
    stage.scripts["aws"] = "sleep 300"
    threading.Timer(0.5, owner.stop_requested.set).start()
    with pytest.raises(StopRequestedError):
        owner.start(with_airflow=False)
    assert owner.stop()


def test_the_daemon_stops_what_it_started_when_one_cannot(home: SandboxHome, stage: Stage, owner: Supervisor) -> None:
    stage.scripts["coordinator"] = "echo no such bucket; exit 1"
    before = guard.descendants(os.getpid())
    assert supervisor._supervise(owner, with_airflow=False) == 1
    found = read_state(home)
    assert found.phase is Phase.FAILED
    assert "no such bucket" in found.detail
    assert guard.descendants(os.getpid()) <= before


def test_sigterm_is_a_clean_end(tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    other = SandboxHome(tmp_path / "other", tmp_path / "cache")
    monkeypatch.setattr(supervisor.SandboxHome, "from_environment", lambda: other)
    monkeypatch.setattr(supervisor, "become_subreaper", lambda: None)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    killer = threading.Thread(target=lambda: (wait_for_phase(other, Phase.UP), os.kill(os.getpid(), signal.SIGTERM)))
    killer.start()
    try:
        assert supervisor.main(["--without-airflow"]) == 0
    finally:
        killer.join()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert read_state(other) == SandboxState(Phase.DOWN)
