"""One PostgreSQL for the tests that need an engine; it starts in a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from druid_reindex.sandbox.aws.redshift.engine import Engine
from druid_reindex.sandbox.aws.redshift.model import Asked, Statement, Target
from druid_reindex.sandbox.home import SandboxHome
from redshift_account import engine as running

ROLE = "arn:aws:iam::111122223333:role/DrxRedshift"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    root = tmp_path_factory.mktemp("redshift-engine")
    home = SandboxHome(root / "home", root / "cache")
    with running(home) as port:
        yield Engine(home, port)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


@pytest.fixture
def target() -> Target:
    return Target("drx", "nights", "us-east-1", (ROLE,))


@pytest.fixture
def asked(target: Target) -> Asked:
    return Asked(target, "IAM:tester", "arn:aws:iam::111122223333:user/tester", "session", ("SELECT 1",))


@pytest.fixture
def statement(asked: Asked) -> Statement:
    return Statement(asked)
