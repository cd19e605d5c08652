"""What Redshift says of a table's layout is taken out of its definition."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.redshift.definitions import Physical, without_layout
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal
from druid_reindex.sandbox.aws.redshift.tokens import Words, cut


def read(sql: str) -> tuple[str, Physical]:
    text, found = without_layout(sql, Words(sql, cut(sql)))
    return " ".join(text.split()), found


def test_attributes_of_the_table() -> None:
    text, found = read(
        "CREATE TABLE t (id int, day date) BACKUP NO DISTSTYLE KEY DISTKEY (id) COMPOUND SORTKEY (day, id) ENCODE AUTO"
    )
    assert text == "CREATE TABLE t (id int, day date)"
    assert (found.dist_style, found.dist_key, found.sort_keys) == ("KEY", "id", ("day", "id"))


def test_attributes_of_columns() -> None:
    text, found = read("CREATE TEMP TABLE t (id int ENCODE az64 DISTKEY, d decimal(10,2) ENCODE raw SORTKEY NOT NULL)")
    assert text == "CREATE TEMP TABLE t (id int , d decimal(10,2) NOT NULL)"
    assert found == Physical("KEY", "id", ("d",), {"id": "az64", "d": "raw"}, is_temporary=True)


def test_a_query_after_as_is_left_alone() -> None:
    text, found = read("CREATE TABLE t DISTSTYLE EVEN SORTKEY AUTO AS SELECT encode, distkey FROM s")
    assert text == "CREATE TABLE t AS SELECT encode, distkey FROM s"
    assert found.dist_style == "EVEN"


def test_a_style_that_is_none() -> None:
    with pytest.raises(SqlRefusal, match='near "SOME"'):
        read("CREATE TABLE t (a int) DISTSTYLE SOME")
