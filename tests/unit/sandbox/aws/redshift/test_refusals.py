"""Errors in the form of the Data API."""

from __future__ import annotations

import psycopg2
import pytest

from druid_reindex.sandbox.aws.redshift import refusals
from druid_reindex.sandbox.aws.redshift.engine import Engine
from druid_reindex.sandbox.aws.redshift.refusals import Wrong


def test_the_block_of_details() -> None:
    text = str(refusals.detailed("S3ServiceException:Access Denied", 8001, "S3 key being read : s3://b/k"))
    assert text.startswith("ERROR: S3ServiceException:Access Denied\n  Detail: \n")
    assert "code:      8001" in text


def test_a_load_names_its_table_and_no_value() -> None:
    raised = refusals.LoadRefusal("claims", (Wrong("s3://b/k", 3, "id", value="secret"),))
    assert "Load into table 'claims' failed" in str(raised)
    assert "secret" not in repr(raised.errors)


def test_the_engines_own_words(engine: Engine) -> None:
    with engine.owner() as session, session.cursor() as cursor, pytest.raises(psycopg2.Error) as raised:
        cursor.execute("SELECT nothing")
    assert refusals.of_engine(raised.value) == 'ERROR: column "nothing" does not exist'


def test_refusals_of_requests() -> None:
    assert refusals.validation("x").code == "ValidationException"
    assert refusals.not_found("1").more == {"ResourceId": "1"}
    assert str(refusals.outside("the type jsonb")).startswith("ERROR: the type jsonb is not supported")
