"""Registers rules: which function judges which subjects of the facts under which id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from druid_reindex.posture.facts import Facts
from druid_reindex.posture.findings import Status

S = TypeVar("S")
_REGISTERED: dict[str, Rule] = {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one subject."""

    status: Status
    seen: str


def holds(seen: str) -> Verdict:
    """The rule holds."""
    return Verdict(Status.PASS, seen)


def fails(seen: str) -> Verdict:
    """The rule does not hold."""
    return Verdict(Status.FAIL, seen)


def not_applicable(why: str) -> Verdict:
    """The rule says nothing about this subject."""
    return Verdict(Status.NOT_APPLICABLE, why)


def judged(defects: Iterable[str], good: str) -> Verdict:
    """A failure that tells all of ``defects``, or, when there are none, that the rule holds."""
    told = "; ".join(defects)
    return fails(told) if told else holds(good)


def day(instant: datetime | None) -> str:
    """The instant's day as a verdict tells it."""
    return f"{instant:%Y-%m-%d}" if instant is not None else "nobody knows when"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``subjects`` names what it is asked of, and ``absent`` says why there may be nothing."""

    rule_id: str
    subjects: Callable[[Facts], Iterable[tuple[str, Any]]]
    judge: Callable[[Any, Facts], Verdict]
    absent: str


RULES: Mapping[str, Rule] = MappingProxyType(_REGISTERED)


def rule(
    rule_id: str, subjects: Callable[[Facts], Iterable[tuple[str, S]]], *, absent: str = ""
) -> Callable[[Callable[[S, Facts], Verdict]], Callable[[S, Facts], Verdict]]:
    """Register a function as the rule ``rule_id`` of each of ``subjects``; ids are used once."""

    def register(function: Callable[[S, Facts], Verdict]) -> Callable[[S, Facts], Verdict]:
        if rule_id in _REGISTERED:
            raise AssertionError(f"two rules are called {rule_id}")
        _REGISTERED[rule_id] = Rule(rule_id, subjects, function, absent)
        return function

    return register
