"""The condition operators, their `IfExists` and set forms, and `Null`.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from druid_reindex.sandbox.aws.iam.patterns import Context, expanded, matches, resolvable

Compare = Callable[[str, str, Context | None], bool]

IF_EXISTS = "ifexists"
ANY, ALL = "foranyvalue", "forallvalues"
NULL = "null"
ARN_PARTS = 6


class UnknownOperator(ValueError):
    """A condition operator that IAM's documentation does not name."""


@dataclass(frozen=True)
class Condition:
    """One operator applied to one key; `wanted` are the values of the policy."""

    operator: str
    key: str
    wanted: tuple[str, ...]
    quantifier: str = ""
    if_exists: bool = False

    def holds(self, context: Context, *, variables: bool) -> bool:
        """Return whether the request's values of the key satisfy the operator.

        A key that the request lacks satisfies negated operators, `IfExists` and `ForAllValues`, and no other.
        """
        values = context.get(self.key, ())
        if self.operator == NULL:
            return any((not values) == (each.lower() == "true") for each in self.wanted)
        if not values:
            return self.if_exists or self._holds_for_nothing()
        compare, negated = OPERATORS[self.operator]
        known = context if variables else None
        if negated and not all(resolvable(wanted, known) for wanted in self.wanted):
            return False
        found = [any(compare(wanted, value, known) for wanted in self.wanted) != negated for value in values]
        if self.quantifier == ANY:
            return any(found)
        # Without a set operator several values are held to the stricter reading.
        return all(found) if self.quantifier == ALL or negated else any(found)

    def _holds_for_nothing(self) -> bool:
        if self.quantifier:
            return self.quantifier == ALL
        return OPERATORS[self.operator][1]


def read(name: str, key: str, wanted: tuple[str, ...]) -> Condition:
    """Return the condition that a policy writes as `{name: {key: wanted}}`. Raises UnknownOperator."""
    quantifier, _, operator = name.lower().rpartition(":")
    if_exists = operator.endswith(IF_EXISTS)
    operator = operator.removesuffix(IF_EXISTS)
    known = operator in OPERATORS or (operator == NULL and not if_exists and not quantifier)
    if not known or quantifier not in {"", ANY, ALL}:
        raise UnknownOperator(name)
    return Condition(operator, key.lower(), wanted, quantifier, if_exists)


def _equals(wanted: str, value: str, context: Context | None) -> bool:
    return expanded(wanted, context) == value


def _equals_ignoring_case(wanted: str, value: str, context: Context | None) -> bool:
    text = expanded(wanted, context)
    return text is not None and text.lower() == value.lower()


def _like(wanted: str, value: str, context: Context | None) -> bool:
    return matches(wanted, value, context)


def _arn_like(wanted: str, value: str, context: Context | None) -> bool:
    """Each of an ARN's six parts is compared by itself; `ArnEquals` and `ArnLike` behave alike."""
    parts, patterns = value.split(":", ARN_PARTS - 1), wanted.split(":", ARN_PARTS - 1)
    if "${" in wanted:
        patterns = _split_outside_variables(wanted)
    if len(parts) != ARN_PARTS or len(patterns) != ARN_PARTS:
        return False
    return all(matches(pattern, part, context) for pattern, part in zip(patterns, parts, strict=True))


def _split_outside_variables(arn: str) -> list[str]:
    """The parts of an ARN whose variables have colons of their own (`${aws:username}`)."""
    parts, depth = [""], 0
    for character in arn:
        depth += (character == "{") - (character == "}")
        if character == ":" and depth == 0 and len(parts) < ARN_PARTS:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> Compare:
    def test(wanted: str, value: str, context: Context | None) -> bool:
        try:
            return compare(Decimal(value), Decimal(expanded(wanted, context) or ""))
        except InvalidOperation:
            return False

    return test


def _date(compare: Callable[[datetime, datetime], bool]) -> Compare:
    def test(wanted: str, value: str, context: Context | None) -> bool:
        try:
            return compare(_moment(value), _moment(expanded(wanted, context) or ""))
        except ValueError:
            return False

    return test


def _moment(text: str) -> datetime:
    """A date of W3C's profile of ISO 8601, or seconds of the epoch. Raises ValueError."""
    if text.replace(".", "", 1).isdigit() and "-" not in text and len(text) > len("2026"):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text if len(text) > len("2026") else f"{text}-01-01")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bool(wanted: str, value: str, context: Context | None) -> bool:
    return _equals_ignoring_case(wanted, value, context)


def _binary(wanted: str, value: str, context: Context | None) -> bool:
    del context
    try:
        return base64.b64decode(wanted, validate=True) == base64.b64decode(value, validate=True)
    except binascii.Error:
        return False


def _in_network(wanted: str, value: str, context: Context | None) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(expanded(wanted, context) or "", strict=False)
    except ValueError:
        return False


def _pair(positive: str, negative: str, compare: Compare) -> dict[str, tuple[Compare, bool]]:
    return {positive: (compare, False), negative: (compare, True)}


# Each operator's comparison with one value, and whether it holds when no value of the policy compares.
OPERATORS: Mapping[str, tuple[Compare, bool]] = {
    **_pair("stringequals", "stringnotequals", _equals),
    **_pair("stringequalsignorecase", "stringnotequalsignorecase", _equals_ignoring_case),
    **_pair("stringlike", "stringnotlike", _like),
    **_pair("arnequals", "arnnotequals", _arn_like),
    **_pair("arnlike", "arnnotlike", _arn_like),
    **_pair("ipaddress", "notipaddress", _in_network),
    **_pair("numericequals", "numericnotequals", _numeric(lambda value, wanted: value == wanted)),
    "numericlessthan": (_numeric(lambda value, wanted: value < wanted), False),
    "numericlessthanequals": (_numeric(lambda value, wanted: value <= wanted), False),
    "numericgreaterthan": (_numeric(lambda value, wanted: value > wanted), False),
    "numericgreaterthanequals": (_numeric(lambda value, wanted: value >= wanted), False),
    **_pair("dateequals", "datenotequals", _date(lambda value, wanted: value == wanted)),
    "datelessthan": (_date(lambda value, wanted: value < wanted), False),
    "datelessthanequals": (_date(lambda value, wanted: value <= wanted), False),
    "dategreaterthan": (_date(lambda value, wanted: value > wanted), False),
    "dategreaterthanequals": (_date(lambda value, wanted: value >= wanted), False),
    "bool": (_bool, False),
    "binaryequals": (_binary, False),
}
