"""What one line of a record beside CloudTrail says: who did what, where and when; never what was asked or answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

_LONGEST = 128
_PRINCIPAL = re.compile(r"([^/@]+)(/[^@]+)?(@.+)?")


@dataclass(frozen=True, slots=True)
class Act:
    """One act at ``at`` (UTC) by ``who``; ``days`` are the first and the last day (UTC) of the data that it is about.

    ``who`` is the identity and, where it acted through another, that one too. ``query_id`` is Druid's.
    """

    at: datetime
    who: tuple[str, ...]
    did: str
    where: str
    is_refused: bool = False
    days: tuple[str, str] | None = None
    query_id: str | None = None


class UnreadableLine(ValueError):  # it is caught and counted, and never told as an error
    """A line that should tell of an act, in a form that is not known."""


# The act of a line; None where it tells of none that matters. Raises UnreadableLine.
Parse: TypeAlias = Callable[[str], Act | None]


def name_of(text: str) -> str:
    """A name as somebody else wrote it, fit to be shown: no control characters, of bounded length."""
    shown = "".join(each if each.isprintable() else "?" for each in text.strip())
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def without_host(principal: str) -> str:
    """The principal without its host, as one name stands for a service on all nodes: ``yarn@EC2.INTERNAL``."""
    found = _PRINCIPAL.fullmatch(principal)
    return f"{found[1]}{found[3] or ''}" if found else principal
