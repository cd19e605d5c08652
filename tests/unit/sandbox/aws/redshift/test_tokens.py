"""Statements cut into words."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.redshift import tokens
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal


def words(sql: str) -> tokens.Words:
    return tokens.Words(sql, tokens.cut(sql))


def test_parameters_are_those_outside_of_quotes_and_casts() -> None:
    sql = "SELECT :a, a::int, ':b', \":c\", -- :d\n /* :e */ x[1:2] FROM t WHERE y < :f_1"
    assert tokens.placeholders(sql) == ["a", "f_1"]


def test_statements_end_at_semicolons_outside_of_quotes() -> None:
    assert len(tokens.split("SELECT ';'; -- ;\n SELECT 2;;")) == 2


def test_an_open_quote_is_refused() -> None:
    with pytest.raises(SqlRefusal, match="syntax error"):
        tokens.cut("SELECT 'x")


def test_names_fold_and_user_names_do_not() -> None:
    found = words('Public."ClaiMs" "IAMR:DrxPhi"')
    assert found.qualified() == ("public", "claims")
    assert found.verbatim() == "IAMR:DrxPhi"
    found.end()


def test_words_that_are_quoted_are_no_words() -> None:
    found = words("'MANIFEST' $$MANI'FEST$$ manifest")
    assert not found.take("MANIFEST")
    assert found.string() == "MANIFEST"
    assert not found.take("MANIFEST")
    assert found.string() == "MANI'FEST"
    assert found.take("MANIFEST")
    assert found.ended


@pytest.mark.parametrize(("sql", "said"), [("a b", 'near "b"'), ("a", "end of input")])
def test_what_is_missing_is_said(sql: str, said: str) -> None:
    found = words(sql)
    assert found.name() == "a"
    with pytest.raises(SqlRefusal, match=said):
        found.need("TO")


def test_lists_of_names() -> None:
    found = words("(a, B) c")
    assert found.names() == ("a", "b")
    assert found.names() == ()
    with pytest.raises(SqlRefusal):
        found.number()
