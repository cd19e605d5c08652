"""What this Redshift allows, from `allowed.toml`: what is not there is refused by its name."""

from __future__ import annotations

import tomllib
from pathlib import Path

# Where the sandbox keeps what it adds to the engine: no statement names it.
CATALOGUE = "redshift_catalogue"

_LISTS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _listed(name: str) -> frozenset[str]:
    return frozenset(_LISTS[name])


STATEMENTS = _listed("statements")
CREATED = _listed("created")
PARTS = _listed("parts")
FUNCTIONS = _listed("functions")
GRAMMATICAL = _listed("grammatical")
TYPES = _listed("types")
SETTINGS = _listed("settings")
IGNORED_SETTINGS = _listed("ignored_settings")
SYSTEM_RELATIONS = _listed("system_relations")
INFORMATION_SCHEMA = _listed("information_schema")
# How those are written that sqlglot takes for something else.
WRITTEN = {"GroupConcat": "string_agg", "ExplodingGenerateSeries": "generate_series", "Explode": "unnest"}
