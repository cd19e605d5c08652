"""One statement of Redshift's SQL, found allowed and ready for PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from druid_reindex.sandbox.aws.redshift import allowed, grants, moving, rewriting
from druid_reindex.sandbox.aws.redshift.definitions import Physical, without_layout
from druid_reindex.sandbox.aws.redshift.moving import quoted
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal, error, outside
from druid_reindex.sandbox.aws.redshift.tokens import Words, split


class Kind(StrEnum):
    """What becomes of a statement."""

    QUERY = "query"
    CHANGE = "change"
    DEFINITION = "definition"
    CONTROL = "control"
    NOTHING = "nothing"
    UNLOAD = "unload"
    COPY = "copy"


@dataclass(frozen=True)
class Prepared:
    """A statement as PostgreSQL runs it; `parameters` are the names of $1, $2, …; `alone` cannot be in a batch."""

    kind: Kind
    sql: str = ""
    parameters: tuple[str, ...] = ()
    alone: str = ""
    commits: bool = False
    table: tuple[str, ...] = ()
    physical: Physical | None = None
    unload: moving.Unload | None = None
    copy: moving.Copy | None = None


def prepare(sql: str, database: str) -> Prepared:
    """Return the statement ready to run. Raises SqlRefusal for what Redshift, or the allowlist, does not have."""
    found = split(sql)
    if not found:
        raise SqlRefusal(error("syntax error at end of input"))
    if len(found) > 1:
        raise SqlRefusal(error("cannot insert multiple commands into a prepared statement"))
    return _one(sql, found[0], database)


def _one(sql: str, tokens: Sequence[Token], database: str) -> Prepared:
    words = Words(sql, tokens)
    own = _OWN.get(words.peek())
    if own is not None:
        return own(words, database)
    for start, reader in _BY_START:
        if _starts(words, start):
            return reader(words, database)
    return _parsed(sql[tokens[0].start : tokens[-1].end + 1], database)


def _starts(words: Words, start: tuple[str, ...]) -> bool:
    return all(words.peek(number) in word.split("|") for number, word in enumerate(start))


def _parsed(text: str, database: str, physical: Physical | None = None) -> Prepared:
    tree = rewriting.parse(text)
    parameters: list[str] = []
    sql = rewriting.postgres(tree, parameters, database)
    kind = _kind(tree)
    if parameters and kind is Kind.DEFINITION:
        raise SqlRefusal(error(f"parameters are not allowed in {type(tree).__name__.upper()}"))
    return Prepared(
        kind,
        sql,
        tuple(parameters),
        commits=isinstance(tree, exp.TruncateTable),
        table=_made(tree),
        physical=physical,
    )


def _kind(tree: exp.Expr) -> Kind:
    if isinstance(tree, exp.Query):
        if tree.find(exp.Into):
            raise outside("SELECT INTO")
        return Kind.QUERY
    return Kind.CHANGE if isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge) else Kind.DEFINITION


def _made(tree: exp.Expr) -> tuple[str, ...]:
    table = tree.find(exp.Table) if isinstance(tree, exp.Create) else None
    return () if table is None else tuple(part.name.lower() for part in table.parts)


def _table(words: Words, database: str) -> Prepared:
    text, physical = without_layout(words.sql, words)
    return _parsed(text, database, physical)


def _unload(words: Words, database: str) -> Prepared:
    asked = moving.unload(words)
    inner = prepare(asked.query, database)
    if inner.kind is not Kind.QUERY:
        raise SqlRefusal(error("UNLOAD takes a SELECT"))
    if inner.parameters:
        raise SqlRefusal(error("bind parameters are not supported in UNLOAD"))
    tree = rewriting.parse(asked.query.strip().rstrip(";"))
    if tree.args.get("limit"):
        raise SqlRefusal(error("Limit clause is not supported"))
    return Prepared(Kind.UNLOAD, inner.sql, unload=asked)


def _copy(words: Words, database: str) -> Prepared:
    del database
    return Prepared(Kind.COPY, copy=moving.copy(words))


def _lock(words: Words, database: str) -> Prepared:
    """Source: https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html"""
    del database
    words.need("LOCK")
    words.take("TABLE")
    tables = [quoted(words.qualified())]
    while words.take(","):
        tables.append(quoted(words.qualified()))
    words.end()
    return Prepared(Kind.DEFINITION, f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")


def _vacuum(words: Words, database: str) -> Prepared:
    """PostgreSQL cleans up by itself.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_VACUUM_command.html
    """
    del database
    words.at = len(words.tokens)
    return Prepared(Kind.NOTHING, alone="VACUUM")


def _analyze(words: Words, database: str) -> Prepared:
    del database
    words.need("ANALYZE")
    if words.peek() == "COMPRESSION":
        raise outside("ANALYZE COMPRESSION")
    table = f" {quoted(words.qualified())}" if not words.ended else ""
    words.names()
    words.end()
    return Prepared(Kind.DEFINITION, f"ANALYZE{table}")


def _control(words: Words, database: str) -> Prepared:
    """Each statement is a session of its own, so that a transaction by hand ends with the statement."""
    del database
    return Prepared(Kind.CONTROL, alone=words.peek())


def _append(words: Words, database: str) -> Prepared:
    """Source: https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html"""
    del database
    words.need("ALTER", "TABLE")
    target = quoted(words.qualified())
    words.need("APPEND", "FROM")
    source = quoted(words.qualified())
    words.end()
    moved = f"WITH moved AS (DELETE FROM {source} RETURNING *) INSERT INTO {target} SELECT * FROM moved"  # noqa: S608 - quoted
    return Prepared(Kind.CHANGE, moved, alone="ALTER TABLE APPEND")


def _alter(words: Words, database: str) -> Prepared:
    before = words.at
    words.need("ALTER", "TABLE")
    table = words.qualified()
    if words.peek() == "APPEND":
        words.at = before
        return _append(words, database)
    if words.take("OWNER", "TO"):
        owner = moving.identifier(words.verbatim())
        words.end()
        return Prepared(Kind.DEFINITION, f"ALTER TABLE {quoted(table)} OWNER TO {owner}")
    words.at = before
    return _table(words, database)


def _privileges(words: Words, database: str) -> Prepared:
    del database
    return Prepared(Kind.DEFINITION, grants.privileges(words))


def _user(words: Words, database: str) -> Prepared:
    del database
    return Prepared(Kind.DEFINITION, grants.user(words))


def _schema(words: Words, database: str) -> Prepared:
    del database
    words.need("CREATE", "SCHEMA")
    condition = "IF NOT EXISTS " if words.take("IF", "NOT", "EXISTS") else ""
    name = moving.identifier(words.name())
    owner = f" AUTHORIZATION {moving.identifier(words.verbatim())}" if words.take("AUTHORIZATION") else ""
    words.end()
    return Prepared(Kind.DEFINITION, f"CREATE SCHEMA {condition}{name}{owner}")


def _set(words: Words, database: str) -> Prepared:
    del database
    words.need("SET")
    name = words.name()
    if name not in allowed.SETTINGS:
        raise outside(f"the setting {name}")
    if not words.take("TO"):
        words.need("=")
    values = [_value(words)]
    while words.take(","):
        values.append(_value(words))
    words.end()
    if name in allowed.IGNORED_SETTINGS:
        return Prepared(Kind.NOTHING)
    if name == "search_path":
        values.append(moving.identifier(allowed.CATALOGUE))
    return Prepared(Kind.DEFINITION, f"SET {name} TO {', '.join(values)}")


def _value(words: Words) -> str:
    for read in (words.string, words.number):
        try:
            return moving.literal(read())
        except SqlRefusal:
            continue
    return moving.identifier(words.name())


def _remove_duplicates(words: Words, database: str) -> Prepared:
    """MERGE … REMOVE DUPLICATES: matching rows go, every distinct row of the source comes.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
    """
    words = Words(words.sql, words.tokens[:-2])
    words.need("MERGE", "INTO")
    target = quoted(words.qualified())
    words.need("USING")
    source = quoted(words.qualified())
    words.need("ON")
    condition = words.sql[words.tokens[words.at].start : words.tokens[-1].end + 1]
    deletion = f"DELETE FROM {target} USING {source} WHERE {condition}"  # noqa: S608 - read and checked below
    ready = _parsed(deletion, database)
    merged = f"WITH gone AS ({ready.sql}) INSERT INTO {target} SELECT DISTINCT * FROM {source}"  # noqa: S608 - quoted
    return Prepared(Kind.CHANGE, merged, ready.parameters)


def _merge(words: Words, database: str) -> Prepared:
    last = [str(token.text).upper() for token in words.tokens[-2:]]
    if last == ["REMOVE", "DUPLICATES"]:
        return _remove_duplicates(words, database)
    text = words.sql[words.tokens[0].start : words.tokens[-1].end + 1]
    whens = [bool(each.args.get("matched")) for each in rewriting.parse(text).find_all(exp.When)]
    if sorted(whens) != [False, True]:
        raise SqlRefusal(error("MERGE needs one WHEN MATCHED and one WHEN NOT MATCHED"))
    return _parsed(text, database)


Reader = Callable[[Words, str], Prepared]
_OWN: dict[str, Reader] = {
    "UNLOAD": _unload,
    "COPY": _copy,
    "LOCK": _lock,
    "VACUUM": _vacuum,
    "ANALYZE": _analyze,
    "SET": _set,
    "GRANT": _privileges,
    "REVOKE": _privileges,
    "MERGE": _merge,
    **dict.fromkeys(("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"), _control),
}
_BY_START: tuple[tuple[tuple[str, ...], Reader], ...] = (
    (("ALTER", "TABLE"), _alter),
    (("CREATE", "USER"), _user),
    (("CREATE", "SCHEMA"), _schema),
    (("CREATE", "TABLE"), _table),
    (("CREATE", "TEMP|TEMPORARY", "TABLE"), _table),
)
