"""The rules' catalogue, ``controls.toml``: what a rule is called, serves, rests on, and what to do when it fails."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from druid_reindex.posture.findings import Gate, Phase


@dataclass(frozen=True, slots=True)
class Control:
    """What stands of a rule in the catalogue; ``hipaa`` is empty for a rule that is operational alone."""

    rule_id: str
    title: str
    gate: Gate
    phase: Phase
    hipaa: tuple[str, ...]
    source: str
    remedy: str


@cache
def catalogue() -> Mapping[str, Control]:
    """Every control by its rule's id, in the catalogue's order."""
    content = tomllib.loads(files(__package__).joinpath("controls.toml").read_text(encoding="utf-8"))
    return {rule_id: _control(rule_id, told) for rule_id, told in content.items()}


def _control(rule_id: str, told: Mapping[str, str]) -> Control:
    return Control(
        rule_id,
        told["title"],
        Gate(told["gate"]),
        Phase(told["phase"]),
        tuple(filter(None, told["hipaa"].split("; "))),
        told["source"],
        told["remedy"],
    )
