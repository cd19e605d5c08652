"""The stored plan: canonical JSON, so that its SHA-256 stands for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from druid_reindex.errors import ProtocolError
from druid_reindex.model.identity import canonical
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason

__all__ = ["PROTOCOL", "canonical", "from_json", "to_json"]

PROTOCOL = 3
_READABLE = {1, 2, PROTOCOL}  # 1 knew no sources, 2 neither the definition nor what is stale


def to_json(plan: NightPlan) -> bytes:
    """``plan`` as canonical JSON: sorted keys, no spaces, UTF-8; equal plans give equal bytes."""
    document = {
        "protocol": PROTOCOL,
        "datasource": plan.datasource,
        "considered_chunks": plan.considered_chunks,
        "explanation": plan.explanation,
        "batches": [_batch(batch) for batch in plan.batches],
        "definition": plan.definition,
        "stale": [str(interval) for interval in plan.stale],
    }
    return canonical(document)


def from_json(body: bytes) -> NightPlan:
    """The plan in ``body``. Raises ProtocolError when this release cannot read it."""
    try:
        document = json.loads(body)
        protocol = document["protocol"]
    except (ValueError, TypeError, KeyError) as unreadable:
        raise _unknown("no JSON object with a protocol") from unreadable
    if protocol not in _READABLE:
        raise _unknown(f"protocol {protocol!r}")
    try:
        return _read(document)
    except (ValueError, TypeError, KeyError) as unreadable:
        raise _unknown(f"{type(unreadable).__name__}: {unreadable}") from unreadable


def _unknown(came_back: str) -> ProtocolError:
    remedy = f"clear the whole run, so that it is planned again: this release reads protocol {PROTOCOL}"
    return ProtocolError("read a stored plan", resource="plan.json", came_back=came_back, remedy=remedy)


def _read(document: dict[str, Any]) -> NightPlan:
    return NightPlan(
        datasource=document["datasource"],
        considered_chunks=document["considered_chunks"],
        batches=tuple(_read_batch(batch) for batch in document["batches"]),
        explanation=document["explanation"],
        definition=document.get("definition", ""),
        stale=tuple(map(Interval.parse, document.get("stale", ()))),
    )


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "number": batch.number,
        "shards": batch.shards,
        "chunks": [_chunk(chunk) for chunk in batch.chunks],
        "bystanders": _segments(batch.bystanders),
    }


def _chunk(chunk: Chunk) -> dict[str, Any]:
    return {
        "interval": str(chunk.interval),
        "reasons": list(chunk.reasons),
        "shards": chunk.shards,
        "segments": _segments(chunk.segments),
        "sources": None if chunk.sources is None else _segments(chunk.sources),
        "files": chunk.files,
    }


def _segments(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    return [{"payload": segment.payload, "num_rows": segment.num_rows} for segment in segments]


def _read_batch(document: dict[str, Any]) -> Batch:
    chunks = tuple(_read_chunk(chunk) for chunk in document["chunks"])
    return Batch(document["number"], chunks, document["shards"], _read_segments(document["bystanders"]))


def _read_chunk(document: dict[str, Any]) -> Chunk:
    return Chunk(
        interval=Interval.parse(document["interval"]),
        segments=_read_segments(document["segments"]),
        reasons=tuple(Reason(reason) for reason in document["reasons"]),
        shards=document["shards"],
        sources=None if document.get("sources") is None else _read_segments(document["sources"]),
        files=document.get("files", ""),
    )


def _read_segments(documents: Iterable[dict[str, Any]]) -> tuple[Segment, ...]:
    return tuple(Segment.from_payload(entry["payload"], num_rows=entry["num_rows"]) for entry in documents)
