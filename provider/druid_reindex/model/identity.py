"""Who a run is, outside: the one identity from which every external name is made; and what stands for a document."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID, uuid5


@dataclass(frozen=True, slots=True)
class RunId:
    """``uuid5(deployment_id, dag_id, run_id)``: equal for every try and task of one DagRun, different elsewhere.

    ``dag_id`` and ``dag_run_id`` are what it was made of, for people; they take no part in comparisons.
    """

    value: UUID
    dag_id: str = field(default="", compare=False)
    dag_run_id: str = field(default="", compare=False)

    @classmethod
    def of(cls, deployment_id: UUID, *, dag_id: str, run_id: str) -> Self:
        """The identity of one DagRun of one deployment; unambiguous because the parts' lengths are part of it."""
        return cls(uuid5(deployment_id, f"{len(dag_id)}:{dag_id}/{len(run_id)}:{run_id}"), dag_id, run_id)

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, for names that have little room."""
        return self.value.hex[:12]

    def __str__(self) -> str:
        return str(self.value)


def digest(payload: bytes) -> str:
    """The SHA-256 of ``payload`` in hexadecimal."""
    return hashlib.sha256(payload).hexdigest()


def canonical(document: object) -> bytes:
    """``document`` as JSON with sorted keys, no spaces, UTF-8: equal documents give equal bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
