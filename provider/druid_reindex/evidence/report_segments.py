"""Which data moved: each batch with the versions that served before it and after it, as a table and as a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.report import Cell, Table
from druid_reindex.evidence.report_figure import Figure, Flow, Lines, flow, shortened
from druid_reindex.evidence.report_read import Evidence

_MOST_VERSIONS, _MOST_BATCHES = 3, 12
UNREAD = "no version in the id"


def segments_table(evidence: Evidence) -> Table:
    """Each version of each time chunk, before and after its batch, with the number of its segments."""
    rows: list[Sequence[Cell]] = []
    for batch in _batches(evidence):
        for when in ("before", "after"):
            counted = Counter(version_of(each) for each in batch[when])
            rows += [(batch["number"], when, chunk, version, count) for (chunk, version), count in counted.items()]
    return Table(
        "segments", "Segments before and after each batch",
        ("Batch", "When", "Time chunk (UTC)", "Version", "Segments"), rows, "No batch has left its record.",
    )  # fmt: skip


def objects_table(evidence: Evidence) -> Table:
    """The objects of the new segments, with what S3 says of each."""
    told = evidence.told(Kind.OBJECTS)
    rows = [(each["uri"], each["etag"], each["kms_key"] or "none") for each in told.get("objects", ())]
    rows += [(each, "used no more", "") for each in told.get("gone", ())]
    return Table("objects", "Objects of the new segments", ("Object", "ETag", "KMS key"), rows, "No object is told.")


def files_table(evidence: Evidence) -> Table:
    """Everything that lies below the night's own prefix."""
    rows = [(each["uri"], each["etag"]) for each in evidence.told(Kind.FILES).get("files", ())]
    caption = f"What the night itself has written: {len(rows)} objects"
    return Table("files", caption, ("Object", "ETag"), rows, "No object is told.")


def version_of(segment_id: str) -> tuple[str, str]:
    """The time chunk and the version that a segment's id names; the id itself where it does not read as one.

    Source: https://druid.apache.org/docs/25.0.0/design/segments.html (datasource_start_end_version_partition)
    """
    parts = segment_id.split("_")
    start = next((number for number, part in enumerate(parts) if _is_instant(part)), None)
    if start is None or len(parts) < start + 3 or not _is_instant(parts[start + 1]):
        return segment_id, UNREAD
    rest = parts[start + 2 :]
    version = rest[:-1] if len(rest) > 1 and rest[-1].isdigit() else rest
    return f"{parts[start]}/{parts[start + 1]}", "_".join(version)


def lineage_figure(evidence: Evidence) -> Figure | None:
    """The graph of what was read, by which batch, and what serves since; None without a batch."""
    batches = list(_batches(evidence))
    if not batches:
        return None
    rows = [_row(evidence, batch) for batch in batches[:_MOST_BATCHES]]
    left = len(batches) - len(rows)
    said = [f"{'; '.join(before)} → {'; '.join(batch)} → {'; '.join(after)}" for before, batch, after in rows]
    more = [f"{left} more batches are in the table below"] if left else []
    title = "Lineage: what served before, the batch that rebuilt it, what served after"
    return flow("lineage", title, ". ".join([*said, *more]), rows)


def _row(evidence: Evidence, batch: Mapping[str, Any]) -> Flow:
    datasource = str(evidence.told(Kind.RUN).get("datasource", ""))
    chunks = {version_of(each)[0] for each in (*batch["before"], *batch["after"])}
    job = (f"batch {batch['number']}", f"{len(chunks)} time chunks" if len(chunks) != 1 else "1 time chunk")
    before = _versions(datasource, batch["before"], "nothing served before")
    return before, job, _versions(datasource, batch["after"], "nothing serves after")


def _versions(datasource: str, ids: Iterable[str], nothing: str) -> Lines:
    counted = Counter(version_of(each)[1] for each in ids)
    if not counted:
        return (shortened(datasource), nothing)
    told = [f"{shortened(version)} ({count})" for version, count in sorted(counted.items())]
    more = [f"and {len(told) - _MOST_VERSIONS} more versions"] if len(told) > _MOST_VERSIONS else []
    return (shortened(datasource), *told[:_MOST_VERSIONS], *more)


def _batches(evidence: Evidence) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = evidence.told(Kind.SEGMENTS).get("batches", ())
    return found


def _is_instant(text: str) -> bool:
    return len(text) >= 20 and text[4:5] == "-" and text[10:11] == "T" and text.endswith("Z")
