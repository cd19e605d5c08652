"""What each stranger has touched in all: the head of the worksheet, a row a principal.

A sum with a part that nobody has counted is unknown. A patient has rows in several time chunks, so the sum of their
patients is the most that there can be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.report import Cell, Table

COLUMNS = (
    "Principal", "Objects", "Time chunks", "Rows", "Distinct patients, at most", "First seen (UTC)", "Last seen (UTC)",
    "Discovered (UTC)",
)  # fmt: skip
_STRANGE = {Unexplained.FOREIGN, Unexplained.BEYOND, Unexplained.AGENT, Unexplained.AMBIGUOUS}
_Touches = Sequence[Mapping[str, Any]]


def strangers_table(touched: Iterable[Mapping[str, Any]], nothing: str) -> Table:
    """A row for each principal whom nobody explains, by name; ``nothing`` is said where there is none."""
    by_principal: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in touched:
        if each["verdict"] in _STRANGE:
            by_principal[each["principal"]].append(each)
    rows = [_row(name, by_principal[name]) for name in sorted(by_principal)]
    return Table("strangers", "Who nobody explains, and what was touched in all", COLUMNS, rows, nothing)


def _row(principal: str, touches: _Touches) -> Sequence[Cell]:
    objects = {each["resource"]: each for each in touches if _is_object(each["resource"])}
    chunks = {each["interval"] for each in objects.values() if each["interval"]}
    return (
        principal, len(objects), len(chunks), _sum(each["rows"] for each in objects.values()), _patients(objects),
        min(each["first_seen"] for each in touches), max(each["last_seen"] for each in touches),
        min(each["discovered_at"] for each in touches),
    )  # fmt: skip


def _patients(objects: Mapping[str, Mapping[str, Any]]) -> int | None:
    """Those of each version of a chunk once, however many of its objects were touched.

    Druid keeps the objects of one version of a chunk in one folder, each in its partition's.
    """
    by_version: defaultdict[str, list[int | None]] = defaultdict(list)
    for uri, each in objects.items():
        by_version[uri.rsplit("/", 2)[0]].append(each["patients"])
    return _sum(None if None in counts else max(filter(None, counts), default=0) for counts in by_version.values())


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for each in counts:
        if each is None:
            return None
        total += each
    return total


def _is_object(resource: str) -> bool:
    """Whether it is an object in S3, by its ARN or address, and not a bucket or a key."""
    place = resource.rpartition("arn:aws:s3:::")[2] if ":s3:::" in resource else resource.removeprefix("s3://")
    return resource != place and "/" in place
