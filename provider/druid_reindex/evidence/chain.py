"""The pack's lines: one JSON object a line, each with the SHA-256 of the line before it, its newline included.

So ``sed -n 3p pack.jsonl | sha256sum`` is what line 4 must call ``previous``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from druid_reindex.evidence.parts import Part
from druid_reindex.model.identity import canonical, digest

START = "0" * 64
HEAD = ("index", "kind", "version", "state", "previous")


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the signed statement names it; ``fields`` are the SHA-256 of the body's fields by their names."""

    index: int
    kind: str
    version: int
    state: str
    previous: str
    sha256: str
    fields: Mapping[str, str]


def chained(parts: Iterable[Part]) -> bytes:
    """The parts as chained lines."""
    lines, previous = [], START
    for index, part in enumerate(parts):
        told = {
            "index": index,
            "kind": part.kind.value,
            "version": part.version,
            "state": part.state.value,
            "previous": previous,
            "body": part.body,
        }
        lines.append(canonical(told) + b"\n")
        previous = digest(lines[-1])
    return b"".join(lines)


def split(chain: bytes) -> list[bytes]:
    """The lines with their newlines; the last one has none where the file was cut short."""
    return [each + b"\n" for each in chain.split(b"\n")[:-1]] + ([tail] if (tail := chain.rpartition(b"\n")[2]) else [])


def read(line: bytes) -> Line | None:
    """What the line says; None when it is not one of a chain."""
    try:
        told = json.loads(line)
        head = {name: told[name] for name in HEAD}
        body: Mapping[str, Any] = told["body"]
        if set(told) != {*HEAD, "body"} or canonical(told) + b"\n" != line:
            return None
        return Line(**head, sha256=digest(line), fields=field_digests(body))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def field_digests(body: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of each field's canonical JSON."""
    return {name: digest(canonical(value)) for name, value in body.items()}
