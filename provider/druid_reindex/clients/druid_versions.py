"""The one table of what differs between the Druid releases that the product supports.

Each row says from which major release on it holds; a release between two rows behaves like the older one.
Sources: https://druid.apache.org/docs/25.0.0/operations/api-reference.html,
https://druid.apache.org/docs/latest/api-reference/data-management-api/,
https://druid.apache.org/docs/latest/release-info/upgrade-notes/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from druid_reindex.errors import ConfigurationError, ProtocolError
from druid_reindex.model.pipeline import Engine

OLDEST_SUPPORTED = 25
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:[.-].*)?")


@dataclass(frozen=True, slots=True)
class DruidRelease:
    """How the releases from ``major`` on behave; a path takes the datasource's name at ``{datasource}``."""

    major: int
    """The first release of which this row holds."""
    mark_used_path: str
    mark_unused_path: str
    marks_served_by: str
    """Whose URL the two paths belong to: ``coordinator`` or ``overlord``."""
    mark_takes_versions: bool
    """Whether markUsed and markUnused honour ``versions``; older servers ignore the key and take the whole interval."""
    mark_silent_when_nothing_is_served: bool
    """Whether marking answers 204 and changes nothing for a datasource that serves no segment."""
    kill_takes_versions: bool
    """Whether a kill task honours ``versions``; older ones ignore the key and take all that is unused."""
    queue_full_status: int
    """What the Overlord answers to a submission when its queue is full."""
    error_format: str
    """``legacy`` (error, errorMessage, errorClass) or ``druidException`` (… persona, category, errorCode)."""
    compaction_path: str
    """The Coordinator's path of one datasource's automatic compaction; the same in every release so far."""
    hadoop_ingestion: bool
    hadoop_opt_in: bool
    """Whether ``index_hadoop`` needs ``druid.indexer.task.allowHadoopTaskExecution=true`` on the servers."""
    hadoop_client: str
    java_releases: tuple[int, ...]


_COORDINATOR = "/druid/coordinator/v1"
_OVERLORD = "/druid/indexer/v1"
_R25 = DruidRelease(
    major=25,
    mark_used_path=f"{_COORDINATOR}/datasources/{{datasource}}/markUsed",
    mark_unused_path=f"{_COORDINATOR}/datasources/{{datasource}}/markUnused",
    marks_served_by="coordinator",
    mark_takes_versions=False,
    mark_silent_when_nothing_is_served=True,
    kill_takes_versions=False,
    queue_full_status=500,
    error_format="legacy",
    compaction_path=f"{_COORDINATOR}/config/compaction/{{datasource}}",
    hadoop_ingestion=True,
    hadoop_opt_in=False,
    hadoop_client="2.8.5",
    java_releases=(8, 11),
)
# https://github.com/apache/druid/pull/14188: marking works for a datasource that serves nothing.
_R26 = replace(_R25, major=26, mark_silent_when_nothing_is_served=False)
# https://github.com/apache/druid/pull/14384: Java 17; the release is built against Hadoop 3.3.6; DruidException's form.
_R27 = replace(_R26, major=27, error_format="druidException", hadoop_client="3.3.6", java_releases=(8, 11, 17))
# https://github.com/apache/druid/pull/15409: a full queue is 429 and no longer 500.
_R29 = replace(_R27, major=29, queue_full_status=429)
# https://github.com/apache/druid/pull/16141: versions in markUsed and markUnused; 15994: in kill tasks.
_R30 = replace(_R29, major=30, mark_takes_versions=True, kill_takes_versions=True)
# https://github.com/apache/druid/pull/17545: the Overlord serves segment updates; Java 8 is gone.
_R32 = replace(
    _R30,
    major=32,
    mark_used_path=f"{_OVERLORD}/datasources/{{datasource}}/markUsed",
    mark_unused_path=f"{_OVERLORD}/datasources/{{datasource}}/markUnused",
    marks_served_by="overlord",
    java_releases=(11, 17),
)
# https://github.com/apache/druid/pull/18239: index_hadoop must be allowed by the servers.
_R34 = replace(_R32, major=34, hadoop_opt_in=True)
# https://druid.apache.org/docs/latest/release-info/upgrade-notes/: Java 11 is gone.
_R35 = replace(_R34, major=35, java_releases=(17,))
# https://github.com/apache/druid/pull/19109: Hadoop-based ingestion is gone.
_R37 = replace(_R35, major=37, hadoop_ingestion=False, hadoop_opt_in=False, hadoop_client="")

RELEASES: tuple[DruidRelease, ...] = (_R25, _R26, _R27, _R29, _R30, _R32, _R34, _R35, _R37)


def release_of(version: str, *, server: str) -> DruidRelease:
    """The row for ``version`` as GET /status reports it.

    Raises ProtocolError for a text that is no version, ConfigurationError for a release older than the table.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ProtocolError(
            "read Druid's version",
            resource=server,
            came_back=f"{version!r}, which is no release number",
            remedy="point the connection at a released Druid (major.minor.patch)",
        )
    major = int(match[1])
    if major < OLDEST_SUPPORTED:
        raise ConfigurationError(
            "read Druid's version",
            resource=server,
            came_back=f"Druid {version}, older than any that is supported",
            remedy=f"upgrade Druid to {OLDEST_SUPPORTED}.0.0 or newer",
        )
    return max((row for row in RELEASES if row.major <= major), key=lambda row: row.major)


def require_engine(engine: Engine, version: str, *, server: str) -> DruidRelease:
    """The row for ``version`` when that release can run ``engine``.

    Raises ConfigurationError for ``hadoop`` from Druid 37 on, and what ``release_of`` raises.
    Source: https://github.com/apache/druid/pull/19109
    """
    row = release_of(version, server=server)
    if engine is Engine.HADOOP and not row.hadoop_ingestion:
        raise ConfigurationError(
            "submit a Hadoop reindex",
            resource=server,
            came_back=f"Druid {version}; Hadoop-based ingestion was removed in 37.0.0",
            remedy="set `engine: msq` in the pipeline file, or stay on Druid 36",
        )
    return row
