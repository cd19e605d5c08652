"""Quoting: what a value says never becomes a statement, whichever way an engine reads a backslash."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.errors import ConfigurationError
from druid_reindex.plan.sql import bind, first_word, identifier, literal

# One value for each way out of a literal that is known.
INJECTIONS = (
    "plain", "", " ", "'", "''", "'''", "O'Brien", "'; DROP TABLE claims; --", "' OR '1'='1", "a;b", "a--b", "/* x */",
    "*/", "\\", "\\'", "\\\\'", "\\\\\\'; DROP TABLE claims; --", "end\\", "\\n", "\\x27", "\n", "\r\n",
    "line\n--\nline", "$$", "$tag$ x $tag$", ":name", "::text", '"', '""', "\u02bc", "\u2018\u2019", "\uff07",
    "\u2028", "😀", "é", "e\u0301", "\t",
    "{{ x }}", "%s", "%(x)s", "?", "E'\\''", "U&'\\0027'", "0", "NULL", "a" * 5_000,
)  # fmt: skip


def read(expression: str, *, backslash_escapes: bool) -> str:
    """What an engine makes of an expression of literals, CHR and ||; anything left over is an injection."""
    text = r"'((?:[^'\\]|''|\\.)*)'" if backslash_escapes else r"'((?:[^']|'')*)'"
    part = rf"(?:{text}|CHR\((\d+)\))"
    inner = expression[1:-1] if expression.startswith("(") else expression
    assert re.fullmatch(rf"{part}(?: \|\| {part})*", inner, re.DOTALL), expression
    found = re.finditer(part, inner, re.DOTALL)
    return "".join(chr(int(m[2])) if m[2] else m[1].replace("''", "'") for m in found)


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("backslash_escapes", [True, False])
def test_a_literal_is_its_value_and_nothing_more(value: str, backslash_escapes: bool) -> None:
    assert read(literal(value), backslash_escapes=backslash_escapes) == value


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_survives_being_quoted_twice(value: str) -> None:
    inner = literal(value)
    outer = literal(inner)
    for escapes in (True, False):
        assert read(read(outer, backslash_escapes=escapes), backslash_escapes=escapes) == value


@pytest.mark.parametrize("value", ["a\0b", "\0", "\ud800", "x\udfff"])
def test_what_no_database_takes_is_refused_and_not_told(value: str) -> None:
    with pytest.raises(ConfigurationError, match="a NUL or a lone surrogate") as error:
        literal(value)
    assert "a\0b" not in str(error.value)


@pytest.mark.parametrize(("name", "quoted"), [("claims", '"claims"'), ("billing.claims", '"billing"."claims"')])
def test_an_identifier_is_quoted(name: str, quoted: str) -> None:
    assert identifier(name) == quoted


@pytest.mark.parametrize(
    "name", ["", "Claims", 'a"b', "a b", "a;b", "a.b.c", "a.", ".a", "1a", "a--b", "a\0", "a'b", "é", "a" * 128, "a\n"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="small letters, digits and underscores"):
        identifier(name)


@pytest.mark.parametrize("value", [value for value in INJECTIONS if value])
def test_a_parameter_stays_one_value(value: str) -> None:
    (statement,) = bind("SELECT * FROM t WHERE a = :a -- the a\n", {"a": value})
    assert statement == f"SELECT * FROM t WHERE a = {literal(value)}"


def test_placeholders_are_those_outside_of_literals_names_comments_and_casts() -> None:
    sql = """
    -- :no; 'quoted
    /* :no ; ' */
    SELECT ':no', ":no", '12:30', x::DATE, y - 1 FROM t WHERE a=:a AND b = ':a''s' ;
    SELECT ':a';
    """
    first, second = bind(sql, {"a": "v"})
    assert first == """SELECT ':no', ":no", '12:30', x::DATE, y - 1 FROM t WHERE a='v' AND b = ':a''s'"""
    assert second == "SELECT ':a'"


@pytest.mark.parametrize(
    "sql",
    ["SELECT 'a\\'", "SELECT 'a\\' --'", 'SELECT "a\\"', "SELECT 'a", 'SELECT "a', "SELECT $$a$$", "SELECT $t$a$t$",
     "SELECT 1 /* a", "SELECT /* a /* b */ c */ 1", "SELECT E'\\''", "SELECT 1 \\ 2"],
)  # fmt: skip
def test_text_that_engines_read_differently_is_refused(sql: str) -> None:
    with pytest.raises(ConfigurationError, match="line 1: a backslash"):
        bind(sql, {})


def test_an_unknown_parameter_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r":frm, which is no parameter.*these are known: from, to"):
        bind("SELECT :frm", {"from": "a", "to": "b"})


def test_a_statement_begins_with_a_word() -> None:
    assert [first_word(each) for each in ("select 1", "(select 1)", "")] == ["SELECT", "", ""]
