"""What a look at a trail's files came to: counted, with all that is wrong named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from druid_reindex.evidence.trail_chain import Gap, Link, Verdict
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.model.trail import Window, digest_end
from druid_reindex.model.uri import S3Uri

_HOUR = timedelta(hours=1)


@dataclass
class TrailReport:
    """What has been seen of a trail so far, in one Region; of valid files counts alone are kept.

    ``covered`` are the times of which valid digests tell, ``damaged`` those in which a digest or a log file is missing
    or invalid, or nothing was recorded: what happened then cannot be shown to have been absent.
    """

    region: str
    digests: Counter[Verdict] = field(default_factory=Counter)
    logs: Counter[Verdict] = field(default_factory=Counter)
    wrong: list[Link | LogCheck] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    covered: list[Window] = field(default_factory=list)
    damaged: list[Window] = field(default_factory=list)
    size_bytes: int = 0
    _hours: dict[S3Uri, Window] = field(default_factory=dict)

    def add(self, seen: Link | Gap | LogCheck) -> None:
        """Take one more digest, gap or log file into account."""
        match seen:
            case Gap():
                self.gaps.append(seen)
                self.damaged.append(Window(seen.since, seen.until))
            case Link():
                self.digests[seen.verdict] += 1
                self._digest(seen)
            case LogCheck():
                self.logs[seen.verdict] += 1
                self.size_bytes += seen.size_bytes
                hour = self._hours.pop(seen.uri, None)
                if seen.verdict is not Verdict.VALID:
                    self.wrong.append(seen)
                    self.damaged += [hour] if hour is not None else []

    def _digest(self, link: Link) -> None:
        ended = digest_end(link.uri.key)
        if link.digest is not None:
            hour = Window(link.digest.digest_start_time, link.digest.ends_at)
            self.covered.append(hour)
            self._hours |= {log.uri: hour for log in link.digest.log_files}
        else:
            self.wrong.append(link)
            self.damaged += [Window(ended - _HOUR, ended)] if ended is not None else []

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
