"""Redshift's SQL, read by sqlglot, as PostgreSQL runs it; what is not in the allowlist is refused by its name."""

from __future__ import annotations

import logging
from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from druid_reindex.sandbox.aws.redshift import allowed
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal, error, outside

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

# Redshift's TEXT is a VARCHAR of 256, and MAX the longest one.
# Source: https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
TEXT_LENGTH, MAX_LENGTH = 256, 65535
# Redshift keeps these for its planner and enforces none of them.
# Source: https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
UNENFORCED = (exp.PrimaryKey, exp.ForeignKey, exp.UniqueColumnConstraint)
UNENFORCED_OF_COLUMN = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.Reference)
_GETDATE = "CAST(statement_timestamp() AT TIME ZONE 'UTC' AS TIMESTAMP)"


def parse(sql: str) -> exp.Expr:
    """Return the statement as sqlglot reads it. Raises SqlRefusal when it does not, or for what is not allowed."""
    try:
        tree = sqlglot.parse_one(sql, read="redshift")
    except ParseError as raised:
        near = str(raised.errors[0].get("highlight", "")) if raised.errors else ""
        raise SqlRefusal(error(f'syntax error at or near "{near}"')) from raised
    check(tree, sql)
    return tree


def check(tree: exp.Expr, sql: str) -> None:
    """Raise SqlRefusal, naming it, for the first part of the statement `sql` that the allowlist does not have."""
    if type(tree).__name__ not in allowed.STATEMENTS:
        raise outside(f"the statement {_first_word(tree)}")
    for node in tree.walk():
        _check_node(node, sql, is_root=node is tree)


def _check_node(node: exp.Expr, sql: str, *, is_root: bool) -> None:
    kind = type(node).__name__
    if isinstance(node, exp.DataType):
        _check_type(node)
    elif isinstance(node, exp.Table):
        _check_relation(node)
    elif isinstance(node, exp.Create | exp.Drop) and is_root:
        _check_object(node)
    elif kind not in allowed.PARTS and kind not in allowed.STATEMENTS:
        _check_function(node, sql)
    _check_arguments(node)


def _check_function(node: exp.Expr, sql: str) -> None:
    kind, start = type(node).__name__, node.meta.get("start")
    if not isinstance(node, exp.Func):
        raise outside(_words(kind))
    written = sql[start : node.meta["end"] + 1].lower() if start is not None else ""
    if written:
        is_known = written in allowed.FUNCTIONS
    else:
        is_known = kind in allowed.GRAMMATICAL and not (kind == "If" and not isinstance(node.parent, exp.Case))
    # MERGE's INSERT VALUES (…) without columns looks like one.
    if not is_known and not (written == "values" and node.find_ancestor(exp.When)):
        raise outside(f"the function {written or allowed.WRITTEN.get(kind, node.sql_name().lower())}")


def _check_arguments(node: exp.Expr) -> None:
    """What sqlglot keeps as a part's argument and not as a part."""
    if isinstance(node, exp.Distinct) and node.args.get("on"):
        raise outside("DISTINCT ON")
    if isinstance(node, exp.Column) and node.args.get("join_mark"):
        raise outside("the outer join operator (+)")
    if isinstance(node, exp.Values) and not isinstance(node.parent, exp.Insert):
        raise outside("VALUES as a table")
    if isinstance(node, exp.When) and (node.args.get("condition") or node.args.get("source")):
        raise outside("a condition of MERGE's WHEN")
    if isinstance(node, exp.Merge) and isinstance(node.this, exp.Table) and node.this.alias:
        raise outside("an alias of MERGE's target")


def _check_type(node: exp.DataType) -> None:
    name = node.this.value if isinstance(node.this, exp.DataType.Type) else str(node.this)
    if name not in allowed.TYPES:
        raise outside(f"the type {node.sql('postgres').lower()}")


def _check_relation(node: exp.Table) -> None:
    if isinstance(node.this, exp.Func):
        return  # a function in FROM, which is judged by its own name
    schema, name = str(node.db).lower(), str(node.name).lower()
    if schema == "information_schema":
        known = name in allowed.INFORMATION_SCHEMA
    elif schema in {"", "pg_catalog"} and name.startswith("pg_"):
        known = name in allowed.SYSTEM_RELATIONS
    else:
        known = schema != allowed.CATALOGUE
    if not known:
        raise outside(f"the relation {schema + '.' if schema else ''}{name}")


def _check_object(node: exp.Create | exp.Drop) -> None:
    kind = str(node.args.get("kind") or "").upper()
    verb = type(node).__name__.upper()
    if kind not in allowed.CREATED:
        raise outside(f"the statement {verb} {kind}")
    if verb == "CREATE" and kind == "TABLE" and node.args.get("replace"):
        raise outside("the statement CREATE OR REPLACE TABLE")


def _words(kind: str) -> str:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in kind).strip().upper()


def _first_word(tree: exp.Expr) -> str:
    return str(tree.this if isinstance(tree, exp.Command) else type(tree).__name__).upper()


def postgres(tree: exp.Expr, parameters: list[str], database: str) -> str:
    """Return the text for PostgreSQL; the names of its parameters $1, $2, … are appended to `parameters`."""
    tree = tree.copy()
    _fold(tree)
    for node in list(tree.find_all(exp.Create)):
        _definition(node)
    for when in list(tree.find_all(exp.When)):
        _insertion(when)
    return str(tree.transform(_replaced, parameters, database).sql("postgres"))


def _fold(tree: exp.Expr) -> None:
    """Fold every name to lower case, quoted ones too.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
    """
    for node in tree.find_all(exp.Identifier):
        node.set("this", str(node.this).lower())


def _replaced(node: exp.Expr, parameters: list[str], database: str) -> exp.Expr:
    if isinstance(node, exp.Placeholder):
        if node.name not in parameters:
            parameters.append(node.name)
        return exp.Parameter(this=exp.Literal.number(parameters.index(node.name) + 1))
    if isinstance(node, exp.CurrentDatabase):
        return exp.Literal.string(database)
    replace = _REPLACED.get(type(node))
    return node if replace is None else replace(node)


def _moment(node: exp.Expr) -> exp.Expr:
    del node
    return sqlglot.parse_one(_GETDATE, read="postgres")


def _distinct(node: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.Distinct(expressions=[node.this]))


def _listagg(node: exp.Expr) -> exp.Expr:
    """PostgreSQL's STRING_AGG takes its order within its parentheses."""
    if not isinstance(node.this, exp.GroupConcat):
        return node
    found = node.this.copy()
    found.set("this", exp.Order(this=found.this, expressions=node.expression.expressions))
    return found


def _datediff(node: exp.Expr) -> exp.Expr:
    """Redshift counts the boundaries between two moments, not the time that passed.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/r_DATEDIFF_function.html
    """
    unit = exp.Literal.string(str(node.args["unit"].name).lower())
    moments = [exp.cast(each.copy(), "timestamp", dialect="postgres") for each in (node.expression, node.this)]
    return exp.Anonymous(this=f"{allowed.CATALOGUE}.datediff", expressions=[unit, *moments])


def _type(node: exp.Expr) -> exp.Expr:
    words = [str(each.this) for each in node.expressions]
    if node.this is exp.DataType.Type.TEXT:
        return exp.DataType.build(f"VARCHAR({TEXT_LENGTH})", dialect="postgres")
    if [word.upper() for word in words] == ["MAX"]:
        return exp.DataType.build(f"VARCHAR({MAX_LENGTH})", dialect="postgres")
    if node.this is exp.DataType.Type.VARCHAR and not words and isinstance(node.parent, exp.ColumnDef):
        return exp.DataType.build(f"VARCHAR({TEXT_LENGTH})", dialect="postgres")
    return node


_REPLACED: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.CurrentTimestamp: _moment,
    exp.ApproxDistinct: _distinct,
    exp.WithinGroup: _listagg,
    exp.TsOrDsDiff: _datediff,
    exp.DateDiff: _datediff,
    exp.DataType: _type,
}


def _insertion(node: exp.When) -> None:
    """Of INSERT VALUES (…) without columns sqlglot makes a list of columns with a function in it."""
    inserted = node.args["then"]
    taken = inserted.find(exp.Anonymous) if isinstance(inserted, exp.Insert) else None
    if taken is not None and taken.name.lower() == "values":
        inserted.set("this", None)
        inserted.set("expression", exp.Tuple(expressions=taken.expressions))


def _definition(node: exp.Create) -> None:
    """Drop what Redshift does not enforce, and give identities the form in which nobody may set them."""
    node.set("no_schema_binding", None)
    schema = node.this
    if not isinstance(schema, exp.Schema):
        return
    keys = {column.name for key in schema.expressions if isinstance(key, exp.PrimaryKey) for column in key.expressions}
    schema.set("expressions", [each for each in schema.expressions if not isinstance(each, UNENFORCED)])
    for column in schema.find_all(exp.ColumnDef):
        _column(column, is_key=column.name in keys)


def _column(column: exp.ColumnDef, *, is_key: bool) -> None:
    kept, needed = [], is_key
    for constraint in column.args.get("constraints") or []:
        kind = constraint.args.get("kind")
        needed |= isinstance(kind, exp.PrimaryKeyColumnConstraint)
        if isinstance(kind, exp.GeneratedAsIdentityColumnConstraint) and column.meta.get("always", True):
            kind.set("this", True)
        if not isinstance(kind, UNENFORCED_OF_COLUMN):
            kept.append(constraint)
    if needed and not any(isinstance(each.args.get("kind"), exp.NotNullColumnConstraint) for each in kept):
        kept.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
    column.set("constraints", kept)
