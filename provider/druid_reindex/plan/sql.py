"""Text of SQL that is safe to run: names and values are quoted here, and nowhere else.

Redshift reads a backslash within a literal as an escape, other engines of its family do not. What is made here means
the same to both, however deep it is quoted again: a value's backslash is spelt ``CHR(92)``, and a file of SQL that has
one outside its comments is refused.
Source: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html (the query's own quotation marks and backslashes)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from druid_reindex.errors import ConfigurationError

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,126}")
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<cast>::)
    | (?P<place>(?<![\w:]):[A-Za-z_]\w*)
    | (?P<end>;)
    | (?P<odd>['"\\]|/\*|\$\w*\$)
    | (?P<other>[^'"\\/$:;-]+|.)""",
    re.DOTALL | re.VERBOSE,
)


def identifier(name: str) -> str:
    """``name``, or ``schema.name``, in double quotes.

    Raises ConfigurationError for anything but small letters, digits and underscores.
    """
    parts = name.split(".")
    if len(parts) > 2 or not all(_IDENTIFIER.fullmatch(part) for part in parts):
        raise _refused(f"{name!r} as a name", "write small letters, digits and underscores, 127 at most")
    return ".".join(f'"{part}"' for part in parts)


def literal(value: str) -> str:
    """An expression whose value is ``value``, whichever way the engine reads a backslash.

    Raises ConfigurationError for what no database takes: a NUL, or half of a surrogate pair.
    """
    if "\0" in value or not _is_encodable(value):
        raise _refused("a value with a NUL or a lone surrogate", "leave these characters out")
    parts = ["'" + part.replace("'", "''") + "'" for part in value.split("\\")]
    return parts[0] if len(parts) == 1 else f"({' || CHR(92) || '.join(parts)})"


def bind(sql: str, parameters: Mapping[str, str]) -> list[str]:
    """The statements of ``sql``, without comments, each ``:name`` replaced by the literal of its parameter.

    Raises ConfigurationError for a name that is no parameter, a backslash, dollar quotes, or what never closes.
    """
    statements = [""]
    for kind, text in _tokens(sql):
        match kind:
            case "comment":
                statements[-1] += " "
            case "place":
                statements[-1] += _value(text[1:], parameters)
            case "end":
                statements.append("")
            case _:
                statements[-1] += text
    return [each.strip() for each in statements if each.strip()]


def first_word(statement: str) -> str:
    """The word that a statement begins with, in capital letters."""
    match = re.match(r"[A-Za-z]+", statement)
    return match[0].upper() if match else ""


def _tokens(sql: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match[0]
        if kind == "odd" or (kind in {"text", "quoted"} and "\\" in text) or (kind == "comment" and "/*" in text[2:]):
            line = sql.count("\n", 0, match.start()) + 1
            raise _refused(
                f"line {line}: a backslash, dollar quotes, a comment within a comment, or what never closes",
                "write CHR(92) for a backslash and '' for a quotation mark, and close what is opened",
            )
        yield kind, text


def _value(name: str, parameters: Mapping[str, str]) -> str:
    if name not in parameters:
        known = ", ".join(sorted(parameters)) or "none"
        raise _refused(f":{name}, which is no parameter", f"these are known: {known}")
    return literal(parameters[name])


def _is_encodable(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _refused(came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError("write a statement", resource="SQL", came_back=came_back, remedy=remedy)
