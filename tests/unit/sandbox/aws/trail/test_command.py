"""Asking the account, and what is said when it does not answer. Its answers: `tests/contract/test_trail.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.errors import ConfigurationError, NoAnswerError
from druid_reindex.sandbox import pki
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.home import SandboxHome


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "home", tmp_path / "cache")


def test_the_token_is_kept_in_the_secrets_file(home: SandboxHome) -> None:
    assert command.token(home) == command.token(home) == home.known_secrets()[command.SECRET]


def test_an_account_that_was_never_started(home: SandboxHome) -> None:
    with pytest.raises(ConfigurationError, match="sandbox up"):
        command.ask(home, "deliver")


def test_an_account_that_does_not_answer(home: SandboxHome) -> None:
    pki.ensure_ca(home)
    service.aws_service(home, port=1)
    with pytest.raises(NoAnswerError, match="Telling the trail to deliver"):
        command.ask(home, "deliver")
