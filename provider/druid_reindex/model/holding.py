"""What one object in S3 holds, in counts: recorded while it is known, told when a stranger has read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

UNKNOWN_PATIENTS = "the pipeline names no patient_dimension"


@dataclass(frozen=True, slots=True)
class Holding:
    """The object at ``uri`` holds ``rows``, as they are stored, of the time chunk ``interval``.

    ``patients`` are the distinct ones of all of that chunk, so that each of its objects holds that many at most.
    None is not known; ``how`` says how the patients were counted, or why something is not known.
    """

    uri: str
    interval: str | None = None
    rows: int | None = None
    patients: int | None = None
    how: str = ""

    def to_record(self) -> dict[str, Any]:
        """The form that is kept."""
        return asdict(self)


def read_holding(told: Mapping[str, Any]) -> Holding:
    """What ``to_record`` kept. Raises KeyError, TypeError or ValueError for what it cannot have kept."""
    counts = {name: _count(told[name]) for name in ("rows", "patients")}
    interval = told["interval"]
    if not isinstance(told["uri"], str) or not isinstance(told["how"], str) or not isinstance(interval, str | None):
        raise TypeError("an address, an interval and a reason are texts")
    return Holding(told["uri"], interval, how=told["how"], **counts)


def _count(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a count is a whole number")
    if value < 0:
        raise ValueError("a count is not negative")
    return value
