"""What the trail can be told, and by whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from druid_reindex.sandbox.aws.site import Site
from druid_reindex.sandbox.aws.trail.command import PATH, TOKEN_HEADER, token
from druid_reindex.sandbox.aws.trail.control import Control
from druid_reindex.sandbox.home import SandboxHome
from recorded_account import Recorded


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "home", tmp_path / "cache")


def tell(trail: Recorded, home: SandboxHome, path: str, given: str = "", **asked: str) -> tuple[int, dict[str, Any]]:
    control = Control(trail.service, Site(home, "https://127.0.0.1:1"))
    builder = EnvironBuilder(
        path=path, method="POST", data=json.dumps(asked), headers={TOKEN_HEADER: given or token(home)}
    )
    body, status, _ = run_wsgi_app(control(trail.account.application), builder.get_environ(), buffered=True)
    content = b"".join(body)
    return int(status.split()[0]), json.loads(content) if content[:1] == b"{" else {"text": content.decode()}


def test_deliver_and_take_away(trail: Recorded, home: SandboxHome) -> None:
    trail.account.json_ask(trail.alice, "kms", "TrentService.ListKeys")
    code, made = tell(trail, home, f"{PATH}deliver")
    assert (code, len(made["files"]), len(made["digests"])) == (200, 1, 1)
    event = next(trail.service.spool.history())["eventID"]
    code, made = tell(trail, home, f"{PATH}remove-event", event=event)
    assert (code, made["digests"]) == (200, 1)
    assert tell(trail, home, f"{PATH}remove-digest")[0] == 200


def test_what_is_not_there_is_said(trail: Recorded, home: SandboxHome) -> None:
    assert tell(trail, home, f"{PATH}remove-event", event="none")[0] == 404
    code, told = tell(trail, home, f"{PATH}invented")
    assert (code, "deliver" in told["error"]) == (404, True)


def test_without_the_token_nothing_is_done(trail: Recorded, home: SandboxHome) -> None:
    assert tell(trail, home, f"{PATH}deliver", given="guess")[0] == 403
    assert trail.service.delivery.progress == {}


def test_other_requests_pass_and_these_are_nobodys_record(trail: Recorded, home: SandboxHome) -> None:
    tell(trail, home, f"{PATH}deliver")
    assert tell(trail, home, "/bkt/x")[0] == 403
    assert list(trail.service.spool.history()) == []
