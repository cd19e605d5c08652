"""What a look at a trail's files came to: counted, with all that is wrong named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from druid_reindex.evidence.trail_chain import Gap, Link, Verdict
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.model.trail import Window


@dataclass
class TrailReport:
    """What has been seen of a trail so far, in one Region; of valid files counts alone are kept."""

    region: str
    digests: Counter[Verdict] = field(default_factory=Counter)
    logs: Counter[Verdict] = field(default_factory=Counter)
    wrong: list[Link | LogCheck] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    covered: list[Window] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, seen: Link | Gap | LogCheck) -> None:
        """Take one more digest, gap or log file into account."""
        match seen:
            case Gap():
                self.gaps.append(seen)
            case Link():
                self.digests[seen.verdict] += 1
                if seen.digest is not None:
                    self.covered.append(Window(seen.digest.digest_start_time, seen.digest.ends_at))
            case LogCheck():
                self.logs[seen.verdict] += 1
                self.size_bytes += seen.size_bytes
        if not isinstance(seen, Gap) and seen.verdict is not Verdict.VALID:
            self.wrong.append(seen)

    @property
    def is_sound(self) -> bool:
        """Whether there are digests, and nothing of what they name is missing or changed."""
        return not self.wrong and self.digests[Verdict.VALID] > 0

    def uncovered(self, window: Window) -> tuple[Window, ...]:
        """The parts of ``window`` about which no valid digest says anything, in order: not delivered yet, or gone."""
        return tuple(uncovered(window, self.covered))

    def lines(self, window: Window) -> list[str]:
        """The report as text, what is wrong first."""
        told = [f"✗ {each}" for each in self.wrong]
        told += [f"! {each}" for each in self.gaps]
        told += [f"? no valid digest tells of {each}" for each in self.uncovered(window)]
        told.append(f"{_ratio(self.digests, 'digests')}, {_ratio(self.logs, 'log files')} valid in {self.region}")
        return told


def uncovered(window: Window, covered: Iterable[Window]) -> list[Window]:
    """What of ``window`` lies in none of ``covered``, in order."""
    found, at = [], window.start
    for each in sorted(covered, key=lambda one: (one.start, one.end)):
        if at < min(each.start, window.end):
            found.append(Window(at, min(each.start, window.end)))
        at = max(at, each.end)
    if at < window.end:
        found.append(Window(at, window.end))
    return found


def _ratio(counted: Counter[Verdict], what: str) -> str:
    return f"{counted[Verdict.VALID]:,} of {counted.total():,} {what}"
