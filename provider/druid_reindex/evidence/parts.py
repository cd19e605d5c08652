"""What a pack tells, part by part: each kind is a typed record with a version; one that is not told says why.

A part that could not be read is ``unread``, one that is delivered later is ``pending``, one that the night had no cause
for is ``absent``: a kind is never left out in silence, so that a pack without one has been changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeAlias

from druid_reindex.errors import ProtocolError
from druid_reindex.evidence.lineage import RunName
from druid_reindex.model.holding import Holding


class Kind(StrEnum):
    """The parts of a pack, in the order of its lines."""

    RUN = "run"
    ASKED = "asked"
    CODE = "code"
    PLAN = "plan"
    POSTURE = "posture"
    ATTESTATION = "attestation"
    SECURITY_CONFIGURATION = "security_configuration"
    CLUSTER = "cluster"
    TASKS = "tasks"
    SEGMENTS = "segments"
    OBJECTS = "objects"
    QUALITY = "quality"
    ROLLBACK = "rollback"
    FILES = "files"
    JOURNAL = "journal"
    MATCHES = "matches"
    FINDINGS = "findings"
    WITNESSES = "witnesses"
    AGREEMENT = "agreement"
    SIGNER = "signer"


class State(StrEnum):
    """Whether a part is told, and if not, why not."""

    TOLD = "told"
    UNREAD = "unread"
    PENDING = "pending"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Why:
    """Why a part is not told."""

    why: str


@dataclass(frozen=True, slots=True)
class Run:
    """Which night it was, and its ``sequence``-th pack, made at ``made_at`` (UTC, ISO 8601) after its predecessor.

    ``run`` is the RunId, and ``trail`` is "cloudtrail", or "emulated" in the sandbox. ``lineage`` are the night's names
    in events of lineage, None where it was told in none.
    """

    KIND: ClassVar[Kind] = Kind.RUN

    run: str
    deployment_id: str
    dag_id: str
    dag_run_id: str
    datasource: str
    classification: str
    region: str
    trail: str
    sequence: int
    made_at: str
    predecessor_sha256: str | None
    lineage: RunName | None = None

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """The run that a pack tells of."""
        named = told.get("lineage")
        return cls(**{**told, "lineage": RunName(**named) if named is not None else None})


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for the night: ``run_type`` is Airflow's word; ``by`` its user, None for a schedule.

    ``approved_by`` is the person who let a large plan go on; None where none was asked.
    """

    KIND: ClassVar[Kind] = Kind.ASKED

    run_type: str
    by: str | None
    reason: str | None
    approved_by: str | None
    logical_date: str | None
    started_at: str | None


@dataclass(frozen=True, slots=True)
class Code:
    """What ran: SHA-256 of the provider's files, of the pipeline's definition, and of all installed distributions."""

    KIND: ClassVar[Kind] = Kind.CODE

    provider: str
    provider_sha256: str
    pipeline_sha256: str
    distributions_sha256: str


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object that the night left in S3, by the SHA-256 of its bytes; its ``document`` where that is small."""

    uri: str
    sha256: str
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the night was to rebuild, and why."""

    KIND: ClassVar[Kind] = Kind.PLAN

    stored: Record
    explanation: str
    batches: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Posture:
    """What was judged of the account before the night."""

    KIND: ClassVar[Kind] = Kind.POSTURE

    stored: Record


@dataclass(frozen=True, slots=True)
class Attestation:
    """What was judged of the night's live cluster."""

    KIND: ClassVar[Kind] = Kind.ATTESTATION

    stored: Record


@dataclass(frozen=True, slots=True)
class SecurityConfiguration:
    """The EMR security configuration of the night's cluster, as EMR keeps it."""

    KIND: ClassVar[Kind] = Kind.SECURITY_CONFIGURATION

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """The clusters that the night launched, and how the newest ended."""

    KIND: ClassVar[Kind] = Kind.CLUSTER

    clusters: Sequence[str]
    state: str | None
    reason: str
    normalized_instance_hours: int


@dataclass(frozen=True, slots=True)
class Task:
    """How one task stood."""

    task_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Tasks:
    """How each task of the night stood when the pack was made."""

    KIND: ClassVar[Kind] = Kind.TASKS

    tasks: Sequence[Task]


@dataclass(frozen=True, slots=True)
class Batch:
    """The segments of one batch before and after it, and its record."""

    number: int
    before: Sequence[str]
    after: Sequence[str]
    stored: Record


@dataclass(frozen=True, slots=True)
class Segments:
    """Which data moved, from which version to which.

    ``holdings`` are what objects of data hold: segments of before and after, unloads, exports. ``uncounted`` are the
    records of such counts that could not be read, each with why.
    """

    KIND: ClassVar[Kind] = Kind.SEGMENTS

    batches: Sequence[Batch]
    holdings: Sequence[Holding] = ()
    uncounted: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An object in S3: under SSE-KMS its ETag says which write it is of, and is no digest of its bytes."""

    uri: str
    etag: str
    kms_key: str


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of the new segments, each with its ETag and its key; ``gone`` are segments that are used no more."""

    KIND: ClassVar[Kind] = Kind.OBJECTS

    objects: Sequence[StoredFile]
    gone: Sequence[str]


@dataclass(frozen=True, slots=True)
class Quality:
    """What was judged of each batch that was published."""

    KIND: ClassVar[Kind] = Kind.QUALITY

    verdicts: Sequence[Record]
    expectations: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Rollback:
    """What was taken back."""

    KIND: ClassVar[Kind] = Kind.ROLLBACK

    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as S3 lists it."""

    uri: str
    etag: str


@dataclass(frozen=True, slots=True)
class Files:
    """Everything that lies below the night's prefix: requests, results, manifests, nodes' reports, moved rows."""

    KIND: ClassVar[Kind] = Kind.FILES

    files: Sequence[Listed]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The business associate agreement that the account's owner says covers it: a reference, not judged by anyone."""

    KIND: ClassVar[Kind] = Kind.AGREEMENT

    reference: str


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that the pack is signed with, by the SHA-256 of its public half (DER)."""

    KIND: ClassVar[Kind] = Kind.SIGNER

    key: str
    fingerprint: str
    algorithm: str


Body: TypeAlias = (
    Run
    | Asked
    | Code
    | Plan
    | Posture
    | Attestation
    | SecurityConfiguration
    | Cluster
    | Tasks
    | Segments
    | Objects
    | Quality
    | Rollback
    | Files
    | Agreement
    | Signer
)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One part as a line tells it."""

    kind: Kind
    state: State
    body: Mapping[str, Any]
    version: int = VERSION


def told(body: Body) -> Part:
    """The part that ``body`` is."""
    return Part(body.KIND, State.TOLD, asdict(body))


def unread(kind: Kind, why: str) -> Part:
    """The part that could not be read."""
    return Part(kind, State.UNREAD, asdict(Why(why)))


def pending(kind: Kind, why: str) -> Part:
    """The part that a supplement will tell."""
    return Part(kind, State.PENDING, asdict(Why(why)))


def absent(kind: Kind, why: str) -> Part:
    """The part that this night has no cause for."""
    return Part(kind, State.ABSENT, asdict(Why(why)))


def complete(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts in their order. Raises ProtocolError when a kind is missing or told twice."""
    listed = list(parts)
    found = {part.kind: part for part in listed}
    missing = [kind for kind in Kind if kind not in found]
    if missing or len(found) != len(listed):
        raise ProtocolError(
            "make a pack",
            resource="its parts",
            came_back=f"{', '.join(missing) or 'nothing'} missing, {len(listed) - len(found)} told twice",
            remedy="report this as a defect: a part that could not be read is told as unread",
        )
    return tuple(found[kind] for kind in Kind)
