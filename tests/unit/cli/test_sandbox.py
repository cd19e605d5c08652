"""`druid-reindex sandbox`: what each command prints and how it exits."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from druid_reindex.cli.sandbox import app
from druid_reindex.errors import NotFoundError
from druid_reindex.sandbox import stack
from druid_reindex.sandbox.home import HOME_VARIABLE, SandboxHome
from druid_reindex.sandbox.state import Endpoints, Phase, SandboxState, ServiceState

ENDPOINTS = Endpoints("https://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:3", 4, None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SandboxHome:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return SandboxHome.from_environment()


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(("was_up", "said"), [(True, "already up"), (False, "up in 12 s")])
def test_up_says_whether_it_had_to_start(
    home: SandboxHome, monkeypatch: pytest.MonkeyPatch, was_up: bool, said: str
) -> None:
    asked: list[bool] = []

    def up(_home: SandboxHome, _report: object, *, with_airflow: bool) -> stack.UpResult:
        asked.append(with_airflow)
        return stack.UpResult(ENDPOINTS, was_up, 12.3)

    monkeypatch.setattr(stack, "up", up)
    code, out, err = run("up", "--without-airflow")
    assert code == 0
    assert said in err
    assert "http://127.0.0.1:2" in out
    assert asked == [False]


def test_an_error_is_said_and_exits_1(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise NotFoundError("Starting", resource="the [disk]", came_back="none", remedy="buy one")

    monkeypatch.setattr(stack, "up", fail)
    code, _, err = run("up")
    assert code == 1
    assert "Starting on the [disk]: none. What to do: buy one" in err


def test_status_of_a_running_sandbox(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    up = SandboxState(Phase.UP, (ServiceState("broker", "ready", "/logs/broker.log"),), ENDPOINTS)
    monkeypatch.setattr(stack, "status", lambda _: up)
    code, out, _ = run("status")
    assert code == 0
    assert "broker" in out
    assert "/logs/broker.log" in out


def test_status_shows_the_log_of_what_ended(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = SandboxState(Phase.DEGRADED, (), ENDPOINTS, "broker ended:\nthe heap is full")
    monkeypatch.setattr(stack, "status", lambda _: lost)
    code, out, _ = run("status")
    assert code == 1
    assert "the heap is full" in out


def test_status_of_nothing(home: SandboxHome) -> None:
    assert run("status") == (1, "sandbox: down\n", "")


def test_env_is_what_a_shell_evaluates(home: SandboxHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "environment", lambda _: {"AWS_CA_BUNDLE": "/a path/ca.pem"})
    code, out, _ = run("env")
    assert code == 0
    assert shlex.split(out) == ["export", "AWS_CA_BUNDLE=/a path/ca.pem"]


def test_env_of_nothing_prints_nothing_to_evaluate(home: SandboxHome) -> None:
    code, out, err = run("env")
    assert (code, out) == (1, "")
    assert "sandbox up" in err


def test_logs_lists_and_shows(home: SandboxHome) -> None:
    (home.logs() / "broker.log").write_text("one\ntwo\nthree\n")
    assert run("logs")[1].startswith("broker\t")
    assert run("logs", "broker", "--lines", "2")[1] == "two\nthree\n"


def test_logs_of_an_unknown_service_names_the_known(home: SandboxHome) -> None:
    (home.logs() / "broker.log").touch()
    code, _, err = run("logs", "brocker")
    assert code == 2
    assert "broker" in err


@pytest.mark.parametrize(("stopped", "said"), [(True, "fresh account"), (False, "nothing was running")])
def test_down_says_what_the_next_up_is(
    home: SandboxHome, monkeypatch: pytest.MonkeyPatch, stopped: bool, said: str
) -> None:
    monkeypatch.setattr(stack, "down", lambda _: stopped)
    code, _, err = run("down")
    assert code == 0
    assert said in err


def test_reset_says_what_stays(home: SandboxHome) -> None:
    home.secret("password")
    code, _, err = run("reset")
    assert code == 0
    assert str(home.cache) in err
    assert not home.root.exists()
