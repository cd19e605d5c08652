"""What somebody has touched, in counts: the rows and patients of an object, as the run's packs tell them.

Nothing is guessed: what the packs do not tell stays unknown, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from druid_reindex.evidence.parts_trail import Touched
from druid_reindex.evidence.run_facts import arn_of
from druid_reindex.model.holding import Holding, read_holding
from druid_reindex.model.uri import S3Uri

_OBJECT = re.compile(r"arn:[a-z-]+:s3:::[^/]+/.+")
# Druid's layout of deep storage: …/<datasource>/<start>_<end>/<version>/<partition>/….
# Source: https://druid.apache.org/docs/25.0.0/design/segments.html
_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
_CHUNK = re.compile(rf"/({_INSTANT})_({_INSTANT})/")
NO_OBJECT = "AWS names no single object"
NO_MANIFEST = "a file of the run's own, of which no manifest tells the rows"
UNTOLD = "the run's packs do not tell what this object holds"
UNKNOWN_FORM = "the part segments or files is in a form that this release does not know"


@dataclass(frozen=True)
class Held:
    """What objects hold, by their ARN; ``own`` are those that the run wrote itself, ``uncounted`` what was unread."""

    holdings: Mapping[str, Holding] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    uncounted: Sequence[str] = ()

    @classmethod
    def of(cls, segments: Mapping[str, Any], files: Mapping[str, Any]) -> Held:
        """What the bodies of the parts ``segments`` and ``files`` tell; either may be empty, or of another form."""
        uncounted = tuple(segments.get("uncounted", ()))
        try:
            told = [read_holding(each) for each in segments.get("holdings", ())]
            own = frozenset(arn_of(S3Uri.parse(each["uri"])) for each in files.get("files", ()))
            return cls({arn_of(S3Uri.parse(each.uri)): each for each in told}, own, uncounted)
        except (KeyError, TypeError, ValueError):
            return cls(uncounted=(*uncounted, UNKNOWN_FORM))

    def counted(self, touched: Touched) -> Touched:
        """``touched`` with what its object holds, or why that is not known."""
        holding = self.holdings.get(touched.resource)
        if holding is not None:
            return replace(
                touched, interval=holding.interval, rows=holding.rows, patients=holding.patients, counted=holding.how
            )
        return replace(touched, interval=chunk_of(touched.resource), counted=self._why(touched.resource))

    def _why(self, resource: str) -> str:
        if not _OBJECT.fullmatch(resource):
            return NO_OBJECT
        return "; ".join([NO_MANIFEST if resource in self.own else UNTOLD, *self.uncounted])


NOTHING_HELD = Held()


def chunk_of(resource: str) -> str | None:
    """The time chunk that the address of a segment in deep storage names; None for another address."""
    found = _CHUNK.search(resource)
    return f"{found[1]}/{found[2]}" if found else None
