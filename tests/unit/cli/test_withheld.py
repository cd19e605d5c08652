"""`druid-reindex withheld`: which keys' rows are kept out, and letting them in again."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DESK, PLACES, Outside
from druid_reindex.cli import status
from druid_reindex.cli.main import app
from druid_reindex.clients.withheld import WithheldShelf
from druid_reindex.plan.purge import KeyFile

NAME, KEYS = "patient_snapshot", "s3://drx-phi-111122223333/runs/keys/one.txt"


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    made = Outside().connect(monkeypatch, status)
    shelf(made).add(KeyFile(KEYS, "etag", "patient_token"))
    return made


def shelf(outside: Outside) -> WithheldShelf:
    return WithheldShelf(outside.store, DESK.boundaries.phi, NAME)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["withheld", *arguments, *PLACES])


def test_each_file_is_told_with_its_column_and_nothing_where_there_is_none(outside: Outside) -> None:
    assert invoke(NAME).stdout == f"{KEYS} (ETag etag) in patient_token\n"
    assert invoke("patient_vitals").stdout == ""
    assert len(shelf(outside).read()) == 1


def test_what_is_lifted_is_unloaded_again(outside: Outside) -> None:
    result = invoke(NAME, "--lift", KEYS)
    assert result.stdout == "patient_snapshot: nights unload rows of these keys again, in patient_token\n"
    assert shelf(outside).read() == ()


def test_an_address_that_is_not_withheld_is_an_error(outside: Outside) -> None:
    result = invoke(NAME, "--lift", "s3://drx-phi-111122223333/runs/keys/two.txt")
    assert (result.exit_code, "nothing is withheld by that address" in result.stderr) == (1, True)
    assert len(shelf(outside).read()) == 1
