"""Text in policies: wildcards and policy variables.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html (wildcards)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

Context = Mapping[str, tuple[str, ...]]

CACHED = 8192
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*", "?", "$"}
_DEFAULTED = re.compile(r"^(?P<key>[^,]+?)\s*,\s*'(?P<default>[^']*)'$")


def matches(pattern: str, text: str, context: Context | None = None) -> bool:
    """Return whether `text` matches `pattern`, in which `*` is any text, `?` one character, `${key}` a value.

    What a variable stands for is taken literally, its wildcards too. A variable without a value matches nothing. With
    `context` None variables are plain text, as in policies of version 2008-10-17.
    """
    if context is not None and "${" in pattern:
        expression = _with_variables(pattern, context)
        return expression is not None and re.fullmatch(expression, text, re.DOTALL) is not None
    return _compiled(pattern).match(text) is not None


def resolvable(text: str, context: Context | None) -> bool:
    """Return whether every variable in `text` has a value.

    Source: the page of variables; a statement with a variable that cannot be resolved may be invalid as a whole, so
    where a negation would turn "no value" into a match, the statement does not apply.
    """
    return (
        context is None
        or "${" not in text
        or all(_value(name, context) is not None for name in _VARIABLE.findall(text))
    )


def expanded(text: str, context: Context | None) -> str | None:
    """Return `text` with its variables replaced and no wildcards; None when a variable has no value."""
    if context is None or "${" not in text:
        return text
    if not resolvable(text, context):
        return None
    return _VARIABLE.sub(lambda found: str(_value(found[1], context)), text)


@lru_cache(CACHED)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_expression(pattern) + r"\Z", re.DOTALL)


@lru_cache(CACHED)
def _expression(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)


def _with_variables(pattern: str, context: Context) -> str | None:
    parts: list[str] = []
    end = 0
    for found in _VARIABLE.finditer(pattern):
        value = _value(found[1], context)
        if value is None:
            return None
        parts += [_expression(pattern[end : found.start()]), re.escape(value)]
        end = found.end()
    return "".join([*parts, _expression(pattern[end:])])


def _value(name: str, context: Context) -> str | None:
    """The variable's text; a key with several values has none, because a variable stands for one."""
    if name in _LITERALS:
        return name
    defaulted = _DEFAULTED.match(name.strip())
    key, default = (defaulted["key"], defaulted["default"]) if defaulted else (name.strip(), None)
    values = context.get(key.lower(), ())
    return values[0] if len(values) == 1 else default
