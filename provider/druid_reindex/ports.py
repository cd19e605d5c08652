"""One small Protocol per outside world, in nouns of ``model``, never in boto's or httpx's types.

In → out: the rooms above ask in these words; ``clients`` answers them on the network, and tests answer them in memory.
May import the pure rooms, ``model`` and ``errors``. What it costs: an outside fact that no Protocol names cannot be
used above.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from druid_reindex.evidence.selectors import Selectors
from druid_reindex.model.account import ClusterInstance, LiveCluster, Volume
from druid_reindex.model.cluster import Cluster, Step, StoredConfiguration
from druid_reindex.model.druid_task import LoadStatus, TaskStatus
from druid_reindex.model.evidence_place import ObjectLock
from druid_reindex.model.expectation import Expectation, Report
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Engine
from druid_reindex.model.segment import Segment
from druid_reindex.model.trail import StoredDigest, TrailKey, TrailScope, Window
from druid_reindex.model.uri import ObjectVersion, S3Uri, StoredObject
from druid_reindex.model.used_set import UsedSet
from druid_reindex.model.warehouse import Statement
from druid_reindex.model.writers import SupervisorVersion, Writers

if TYPE_CHECKING:
    from druid_reindex.evidence.public_key import PublicKey  # cryptography is slow to import where DAGs are parsed


class DruidPort(Protocol):
    """Druid's Overlord, Coordinator and Broker. Every method raises an error of ``errors``."""

    def check_engine(self, engine: Engine) -> str:
        """The server's version, once its release is known to run ``engine``; ConfigurationError when it cannot."""

    def submit_task(self, payload: Mapping[str, Any]) -> str:
        """The id of the task, once the Overlord has accepted it (also when it already knew that very id)."""

    def task_status(self, task_id: str) -> TaskStatus:
        """The task's status; state ABSENT when the Overlord does not know it."""

    def task_failure(self, task_id: str) -> str:
        """The real reason why a task failed: from its report, else from the last exception in its log."""

    def shutdown_task(self, task_id: str) -> None:
        """Ask the Overlord to stop the task; a task that has ended already is left as it is."""

    def active_tasks(self, datasource: str) -> list[TaskStatus]:
        """The tasks of ``datasource`` that wait, are pending or run; each once."""

    def writers(self, datasource: str, *, since: datetime | None = None) -> Writers:
        """Who else may write ``datasource``, and the tasks that succeeded of those created after ``since``."""

    def supervisor_versions(self, supervisor_id: str) -> list[SupervisorVersion]:
        """The supervisor's history, newest first; nothing of one that Druid has never had."""

    def suspend_supervisor(self, supervisor_id: str) -> bool:
        """Whether this very call suspended it, whose tasks then publish and end; not one that is suspended or gone."""

    def resume_supervisor(self, supervisor_id: str) -> bool:
        """Whether it was suspended until this call; one that runs, or is gone, is left so."""

    def used_segments(self, datasource: str, intervals: Sequence[Interval]) -> list[Segment]:
        """The used segments of ``datasource`` that overlap any of ``intervals``, overshadowed ones included."""

    def used_sets(self, datasource: str, interval: Interval) -> list[UsedSet]:
        """The used segments that overlap ``interval``, overshadowed ones included, counted by interval and version."""

    def segment_rows(self, datasource: str, intervals: Sequence[Interval]) -> dict[str, int]:
        """Rows by segment id, as ``sys.segments`` reports them; a segment nobody serves is absent."""

    def announced(self, datasource: str, intervals: Sequence[Interval]) -> frozenset[str]:
        """The ids of the segments that are served, counted or not; tombstones too."""

    def mark_unused(self, datasource: str, segment_ids: Sequence[str]) -> int:
        """How many of these segments of ``datasource`` were taken out of service; those that are out stay out."""

    def mark_used(self, datasource: str, segment_ids: Sequence[str]) -> int:
        """How many of these segments were put back into service; one that is overshadowed stays out.

        An id that Druid does not know is a Terminal error, and nothing is changed.
        """

    def load_status(self, datasource: str, interval: Interval, *, refresh: bool) -> LoadStatus:
        """How much of ``interval`` is not served yet."""

    def query(self, sql: str, parameters: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
        """The rows of a Druid SQL query; parameters as ``{"type": "VARCHAR", "value": …}``."""

    def column_types(self, datasource: str, intervals: Sequence[Interval]) -> dict[str, str]:
        """Druid's types by column in the segments that serve ``intervals``; SEVERAL where they differ."""

    def kills_by_version(self) -> bool:
        """Whether a kill task takes none but the versions that it names; else it takes all that is unused there."""


class ExpectationsPort(Protocol):
    """Great Expectations over what Druid serves. Every method raises an error of ``errors``."""

    def run(
        self, datasource: str, intervals: Sequence[Interval], expectations: Sequence[Expectation], *, title: str
    ) -> Report:
        """What became of each expectation on the rows within ``intervals``, in counts; ``title`` stands on the page."""


class EmrPort(Protocol):
    """Amazon EMR on EC2."""

    def run_job_flow(self, payload: Mapping[str, Any]) -> str:
        """The new cluster's id."""

    def find_clusters(self, tag: str, value: str) -> list[Cluster]:
        """The clusters, dead or alive, that carry the tag; newest first."""

    def living_clusters(self, tag: str) -> list[Cluster]:
        """The clusters that have not ended and carry the tag, whatever its value and their age; newest first."""

    def describe_cluster(self, cluster_id: str) -> Cluster:
        """The cluster as it is now."""

    def terminate(self, cluster_id: str) -> None:
        """Ask EMR to end the cluster, termination protection lifted first."""

    def add_step(self, cluster_id: str, payload: Mapping[str, Any]) -> str:
        """The new step's id."""

    def list_steps(self, cluster_id: str) -> list[Step]:
        """All steps of the cluster, newest first."""

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        """The step as it is now."""

    def cancel_step(self, cluster_id: str, step_id: str) -> None:
        """Ask EMR to cancel the step, terminating its process."""

    def create_security_configuration(self, name: str, text: str) -> None:
        """Store the security configuration; one of this name that is there already is left as it is."""

    def security_configuration(self, name: str) -> StoredConfiguration | None:
        """The security configuration of this name; None when there is none."""

    def security_configuration_names(self) -> list[str]:
        """The names of all security configurations of the account and Region, in order."""

    def delete_security_configuration(self, name: str) -> None:
        """Delete the security configuration; one that is not there is left so."""


class RedshiftPort(Protocol):
    """One database of Amazon Redshift, through its Data API."""

    def submit(self, name: str, statements: Sequence[str], *, token: str) -> str:
        """The id of the batch that runs ``statements`` as one transaction; an equal ``token`` gives the same one."""

    def named(self, prefix: str) -> list[Statement]:
        """The batches of the last day whose names start with ``prefix``, ended ones included; newest first."""

    def describe(self, statement_id: str) -> Statement:
        """The batch as it is now, with its parts. Raises NotFoundError."""

    def rows(self, statement_id: str) -> list[dict[str, Any]]:
        """The rows that a part of a batch answered with, few and small."""

    def cancel(self, statement_id: str) -> None:
        """Stop the batch, whose transaction is undone; one that has ended is left as it is."""


class SecretsPort(Protocol):
    """AWS Secrets Manager: secrets are read at the moment that they are used, each under a key that its maker names."""

    def text(self, secret_id: str) -> str | None:
        """The secret's text; None when there is no such secret."""

    def make(self, name: str, text: str, *, kms_key_arn: str, description: str) -> str:
        """The text of the secret ``name``: ``text`` where this made it, another's where that one was first."""

    def read(self, secret_id: str) -> Mapping[str, str]:
        """The secret's JSON object of texts. Raises NotFoundError; IntegrityError when it is no such object."""


class ClusterSurveyPort(Protocol):
    """What AWS says of a live cluster's protection, read-only."""

    def cluster(self, cluster_id: str) -> LiveCluster:
        """What EMR says of the cluster's protection, its stored security configuration among it."""

    def instances(self, cluster_id: str) -> list[ClusterInstance]:
        """Every instance that the cluster has or had, by its EC2 id."""

    def volumes(self, instance_ids: Iterable[str]) -> tuple[Volume, ...]:
        """The EBS volumes that are attached to the instances, root volumes among them."""


class SigningPort(Protocol):
    """An asymmetric key on P-256 whose private half never leaves its keeper."""

    @property
    def key(self) -> str:
        """The key's ARN, or what else names it."""

    def public_key(self) -> PublicKey:
        """Its public half."""

    def sign(self, message: bytes) -> bytes:
        """Its ECDSA signature, in DER, over the SHA-256 of ``message``."""


class TrailPort(Protocol):
    """AWS CloudTrail, and the files that it has delivered; read-only."""

    def trail(self, name_or_arn: str) -> TrailScope:
        """The trail's own scope: where its digests lie, in its home Region. Raises NotFoundError."""

    def trails(self) -> list[TrailScope]:
        """The trails that deliver events of this account and Region."""

    def selectors(self, scope: TrailScope) -> Selectors:
        """What the trail records. Raises ProtocolError where it chooses by what is not understood here."""

    def regions(self, scope: TrailScope) -> list[str]:
        """The Regions of which the trail has ever delivered a digest, in order."""

    def digest_keys(self, scope: TrailScope, window: Window) -> list[str]:
        """The keys of the digests that end in ``window`` or in the hour after it, those of backfills among them."""

    def digest(self, uri: S3Uri) -> StoredDigest | None:
        """The digest's bytes and metadata; None where there is none."""

    def log(self, uri: S3Uri) -> bytes | None:
        """The log file's bytes; None where there is none."""

    def public_keys(self, window: Window) -> dict[str, TrailKey]:
        """The keys that CloudTrail signed digests with in ``window``, by fingerprint."""


class LogFilesPort(Protocol):
    """Amazon S3 where others deliver log files; read-only."""

    def listing(self, prefix: S3Uri) -> list[StoredObject]:
        """The files below ``prefix``, in order of their address; none when there is nothing."""

    def lines(self, uri: S3Uri) -> Iterator[str]:
        """The file's lines without their ends, one at a time; one that is longer than a MiB is cut there.

        Raises NotFoundError when there is no file, IntegrityError once a compressed one breaks off.
        """


class RecordStorePort(Protocol):
    """Amazon S3 as the keeper of records that several write."""

    def get_with_etag(self, uri: S3Uri) -> tuple[bytes, str] | None:
        """The object's bytes and ETag; None when there is none."""

    def put_if(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, etag: str | None) -> str:
        """The new object's ETag, once it has replaced the one of ``etag`` (None: once it is the first one there).

        Raises ConflictError when another object is there. An object of these very bytes counts as this write, because
        its answer may have been lost: the bytes say whose they are, and no state comes back once it has changed.
        """


class ObjectStorePort(RecordStorePort, Protocol):
    """Amazon S3, where every write is encrypted with a KMS key that the caller names."""

    def put(self, uri: S3Uri, body: bytes, *, kms_key_arn: str) -> str:
        """The new object's ETag."""

    def get(self, uri: S3Uri) -> bytes:
        """The object's bytes. Raises NotFoundError when there is none."""

    def exists(self, uri: S3Uri) -> bool:
        """Whether the object is there."""

    def listing(self, prefix: S3Uri) -> list[StoredObject]:
        """The objects below ``prefix``, in order of their address; none when there is nothing."""

    def delete(self, uri: S3Uri) -> None:
        """Delete the object; one that is not there is left so."""

    def kms_keys(self, uris: Iterable[S3Uri]) -> dict[S3Uri, str]:
        """The KMS key ARN on each object as S3 reports it; an empty text where the object has none."""


class ObjectVersionsPort(Protocol):
    """Amazon S3 where it keeps what was deleted or replaced: each version of an object, until that is deleted too."""

    def folders(self, prefix: S3Uri) -> list[str]:
        """The names of the folders right below ``prefix`` in which any version of an object lies, in order."""

    def versions(self, prefix: S3Uri) -> list[ObjectVersion]:
        """Each version of what lies or lay below ``prefix``, delete markers included."""

    def delete_versions(self, versions: Iterable[ObjectVersion]) -> None:
        """Delete these versions for good; one that is not there is left so."""


class LockedStorePort(ObjectStorePort, Protocol):
    """Amazon S3 with Object Lock: what is written there stays."""

    def put_locked(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, lock: ObjectLock) -> None:
        """Write the object, locked, where there is none; one of these very bytes counts as this write.

        Raises ConflictError when another object is there.
        """

    def lock_of(self, uri: S3Uri) -> ObjectLock | None:
        """The object's lock; None when it has none. Raises NotFoundError when there is no object."""
