"""The stored plan: canonical JSON, so that its SHA-256 stands for it."""

from __future__ import annotations

import json
from typing import Any

from druid_reindex.errors import ProtocolError
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason

PROTOCOL = 1


def to_json(plan: NightPlan) -> bytes:
    """``plan`` as canonical JSON: sorted keys, no spaces, UTF-8; equal plans give equal bytes."""
    document = {
        "protocol": PROTOCOL,
        "datasource": plan.datasource,
        "considered_chunks": plan.considered_chunks,
        "explanation": plan.explanation,
        "batches": [_batch(batch) for batch in plan.batches],
    }
    return canonical(document)


def canonical(document: object) -> bytes:
    """``document`` as JSON with sorted keys, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def from_json(body: bytes) -> NightPlan:
    """The plan in ``body``. Raises ProtocolError when this release cannot read it."""
    document = json.loads(body)
    if document.get("protocol") != PROTOCOL:
        raise ProtocolError(
            "read a stored plan",
            resource=str(document.get("datasource")),
            came_back=f"protocol {document.get('protocol')!r}",
            remedy=f"clear the whole run: this release reads protocol {PROTOCOL}",
        )
    return NightPlan(
        datasource=document["datasource"],
        considered_chunks=document["considered_chunks"],
        batches=tuple(_read_batch(batch) for batch in document["batches"]),
        explanation=document["explanation"],
    )


def _batch(batch: Batch) -> dict[str, Any]:
    return {"number": batch.number, "shards": batch.shards, "chunks": [_chunk(chunk) for chunk in batch.chunks]}


def _chunk(chunk: Chunk) -> dict[str, Any]:
    return {
        "interval": str(chunk.interval),
        "reasons": list(chunk.reasons),
        "shards": chunk.shards,
        "segments": [{"payload": segment.payload, "num_rows": segment.num_rows} for segment in chunk.segments],
    }


def _read_batch(document: dict[str, Any]) -> Batch:
    chunks = tuple(_read_chunk(chunk) for chunk in document["chunks"])
    return Batch(document["number"], chunks, document["shards"])


def _read_chunk(document: dict[str, Any]) -> Chunk:
    return Chunk(
        interval=Interval.parse(document["interval"]),
        segments=tuple(Segment.from_payload(s["payload"], num_rows=s["num_rows"]) for s in document["segments"]),
        reasons=tuple(Reason(reason) for reason in document["reasons"]),
        shards=document["shards"],
    )
