"""Which files a chunk may be built from, as S3 lists them: how a file that came, went or was written again is noticed.

A listing tells addresses and ETags, not rows. An address with ``{day}`` is of its own days alone; what lies at any
other counts for every chunk, because which chunks its rows fall into is not known before they are read. What an unload
of the night writes is not there when the night is planned: what changes in its tables alone is not noticed, and a
person forces the days. An object that is written again with equal bytes counts as changed (its ETag is another one).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from druid_reindex.model.identity import canonical, digest
from druid_reindex.model.interval import Granularity, Interval
from druid_reindex.model.pipeline import DAY, Pipeline
from druid_reindex.model.uri import S3Uri, StoredObject

_OPEN = re.compile(r"\{day\}|[*?\[{]")
Listings = Mapping[S3Uri, Sequence[StoredObject]]


def folders(pipeline: Pipeline) -> tuple[S3Uri, ...]:
    """The prefixes to list, each once: the folder of each address, up to where it stands for several."""
    return tuple(dict.fromkeys(_folder(path) for path in _paths(pipeline)))


def files_digest(pipeline: Pipeline, listings: Listings, chunk: Interval) -> str:
    """What stands for the files that ``chunk`` may be built from; empty for a pipeline that names no addresses."""
    paths = list(_paths(pipeline))
    if not paths:
        return ""
    days = [f"{day.start:%Y-%m-%d}" for day in Granularity.DAY.chunks(chunk)]
    found = {(str(each.uri), each.etag) for path in paths for each in _below(path, listings[_folder(path)], days)}
    return digest(canonical(sorted(found)))


def _paths(pipeline: Pipeline) -> Iterator[str]:
    return (path for entry in pipeline.files for path in entry.paths)


def _folder(path: str) -> S3Uri:
    fixed = _OPEN.split(path, maxsplit=1)[0]
    return S3Uri.parse(path if fixed == path and path.endswith("/") else fixed.rpartition("/")[0])


def _below(path: str, listed: Iterable[StoredObject], days: Sequence[str]) -> Iterator[StoredObject]:
    """What of ``listed`` an address may stand for on ``days``: whatever begins as it does."""
    places = [path.replace(DAY, day) for day in days] if DAY in path else [path]
    wanted = [_OPEN.split(place, maxsplit=1) for place in places]
    for each in listed:
        if any(_has(str(each.uri), start, exact=not rest) for start, *rest in wanted):
            yield each


def _has(address: str, start: str, *, exact: bool) -> bool:
    """Whether ``address`` is ``start`` or lies below it; begins with it, where it is not the ``exact`` address."""
    if not exact:
        return address.startswith(start)
    return address == start or address.startswith(f"{start.rstrip('/')}/")
