"""`druid-reindex sandbox trail`: what is asked, what is printed, how it exits."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from druid_reindex.cli.sandbox_trail import app
from druid_reindex.errors import NotFoundError
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.home import SandboxHome

TOUCHED = {"user": "arn:aws:iam::1:user/outsider", "request_id": "r-1", "error": "AccessDenied"}
ANSWERS: dict[str, dict[str, Any]] = {
    "deliver": {"files": ["a.json.gz"], "digests": ["b.json.gz"]},
    "remove-event": {"files": ["a.json.gz"], "digests": 2},
    "remove-digest": {"digest": "b.json.gz"},
    "read": TOUCHED,
    "decrypt": TOUCHED,
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    kept: list[tuple[str, dict[str, str]]] = []

    def ask(_: SandboxHome, verb: str, **more: str) -> dict[str, Any]:
        kept.append((verb, more))
        return ANSWERS[verb]

    monkeypatch.setattr(command, "ask", ask)
    return kept


@pytest.mark.parametrize(
    ("arguments", "verb", "more", "said"),
    [
        (["deliver"], "deliver", {}, "a.json.gz\nb.json.gz\n"),
        (["remove-event", "e-1"], "remove-event", {"event": "e-1"}, "a.json.gz\n"),
        (["remove-digest"], "remove-digest", {}, "b.json.gz\n"),
        (["remove-digest", "b"], "remove-digest", {"digest": "b"}, "b.json.gz\n"),
        (["outsider", "read", "s3://bkt/a/x"], "read", {"bucket": "bkt", "key": "a/x"}, "r-1 AccessDenied\n"),
        (["outsider", "decrypt", "alias/phi"], "decrypt", {"key": "alias/phi"}, "r-1 AccessDenied\n"),
    ],
)
def test_each_verb(
    asked: list[tuple[str, dict[str, str]]], arguments: list[str], verb: str, more: dict[str, str], said: str
) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (0, said)
    assert asked == [(verb, more)]


@pytest.mark.parametrize("uri", ["bkt/x", "s3://bkt", "s3:///x"])
def test_a_uri_that_names_no_object(asked: list[tuple[str, dict[str, str]]], uri: str) -> None:
    assert CliRunner().invoke(app, ["outsider", "read", uri]).exit_code == 2
    assert asked == []


def test_an_error_is_said_and_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise NotFoundError("Telling the trail", resource="the [url]", came_back="no event", remedy="name one")

    monkeypatch.setattr(command, "ask", fail)
    result = CliRunner().invoke(app, ["remove-event", "e-1"])
    assert result.exit_code == 1
    assert "Telling the trail on the [url]: no event. What to do: name one" in result.stderr
