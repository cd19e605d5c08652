"""What steps run below the script that keeps their journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from druid_reindex.model.uri import S3Uri

_BEFORE = 6  # bash, -c, what fetches the script, its address and digest, the journal


def command_of(step: Mapping[str, Any]) -> list[str]:
    """The command of a step that was added, and its arguments."""
    return list(step["HadoopJarStep"]["Args"][_BEFORE:])


def spec_of(step: Mapping[str, Any]) -> S3Uri:
    """Where its spec is."""
    return next(S3Uri.parse(each) for each in command_of(step) if each.endswith("/spec.json"))


def journal_of(step: Mapping[str, Any]) -> dict[str, Any]:
    """What it is told of its journal."""
    return dict(json.loads(step["HadoopJarStep"]["Args"][_BEFORE - 1]))
