"""Counts a listing of used segments as it arrives, in memory that does not grow with its length.

Druid writes each segment's ``dataSource`` first, so a text is cut before the last segment that has begun: what is
before the cut is read by types alone, and what the plan does not need is passed over. A text of another form is read
whole at its end.
Source: https://github.com/apache/druid/blob/25.0.0/core/src/main/java/org/apache/druid/timeline/DataSegment.java
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import httpx
import msgspec

from druid_reindex.clients.druid_errors import malformed
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import column_names
from druid_reindex.model.used_set import UsedSet

_READ_BYTES = 1 << 20
_NEXT = b',{"dataSource":'


class _Shard(msgspec.Struct, gc=False):
    type: str = "none"
    partitionNum: int = 0  # noqa: N815
    partitionId: int = 0  # noqa: N815
    partitions: int = 0


class _Listed(msgspec.Struct, gc=False):
    interval: str
    version: str
    size: int
    shardSpec: _Shard | None = None  # noqa: N815
    dimensions: str | list[str] | None = None
    metrics: str | list[str] | None = None


_DECODER = msgspec.json.Decoder(list[_Listed])
_NO_SHARD = _Shard()


def counted(response: httpx.Response, attempted: str) -> list[UsedSet]:
    """The sets of the listing in the body, in order of their first appearance.

    Raises NoAnswerError when it is cut short, ProtocolError when it is something else, ValueError for a segment that
    lacks what each has.
    """
    tally = _Tally()
    for listed in _decoded(response, attempted):
        tally.add(listed)
    return tally.sets


class _Tally:
    """The sets so far; segments of one set mostly arrive one after the other."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], UsedSet] = {}
        self._columns: dict[tuple[str, str], set[tuple[str, str]]] = {}

    @property
    def sets(self) -> list[UsedSet]:
        """What has been counted."""
        for key, used in self._found.items():
            used.columns = {(column_names(one), column_names(other)) for one, other in self._columns[key]}
        return list(self._found.values())

    def add(self, listed: Iterable[_Listed]) -> None:
        """Count them too."""
        interval = version = dimensions = metrics = None
        for each in listed:
            if each.version != version or each.interval != interval:
                interval, version, dimensions = each.interval, each.version, None
                used, columns = self._of(interval, version)
            if each.dimensions != dimensions or each.metrics != metrics or dimensions is None:
                dimensions, metrics = each.dimensions, each.metrics
                columns.add((_text(dimensions), _text(metrics)))
            shard = each.shardSpec or _NO_SHARD
            used.add(shard.type, shard.partitionNum or shard.partitionId, shard.partitions, each.size)

    def _of(self, interval: str, version: str) -> tuple[UsedSet, set[tuple[str, str]]]:
        key = interval, version
        if key not in self._found:
            self._found[key], self._columns[key] = UsedSet(Interval.parse(interval), version), set()
        return self._found[key], self._columns[key]


def _text(columns: str | list[str] | None) -> str:
    return columns if isinstance(columns, str) else ",".join(columns or ())


def _decoded(response: httpx.Response, attempted: str) -> Iterator[list[_Listed]]:
    """The segments, as many at a time as have arrived."""
    rest = bytearray()
    try:
        for arrived in response.iter_bytes(_READ_BYTES):
            rest += arrived
            comma = rest.rfind(_NEXT)
            if comma > 0:
                rest[comma] = ord("]")
                yield _DECODER.decode(memoryview(rest)[: comma + 1])
                rest[comma] = ord("[")
                del rest[:comma]
        yield _DECODER.decode(rest)
    except msgspec.ValidationError as odd:
        raise ValueError(str(odd)) from odd
    except msgspec.DecodeError as error:
        resource = str(response.request.url.copy_with(query=None, userinfo=b""))
        text = rest.decode(errors="replace")
        raise malformed(response, text, attempted=attempted, resource=resource) from error
