"""Druid: TLS, users, what it writes, and that a rollback stays possible.

Sources: https://druid.apache.org/docs/25.0.0/operations/tls-support.html,
https://druid.apache.org/docs/25.0.0/design/auth.html, https://druid.apache.org/docs/25.0.0/configuration/index.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from druid_reindex.model.druid_server import Handshake
from druid_reindex.model.pipeline import Engine, Submission
from druid_reindex.posture.facts import Druid, Fact, Facts, UnreadFactError, known
from druid_reindex.posture.rules.emr_cluster import druid_major
from druid_reindex.posture.rules.registry import Verdict, day, fails, holds, judged, not_applicable, rule

_LEAST_CERTIFICATE_DAYS = 30
_TLS = {"TLSv1.2", "TLSv1.3"}
_LAST_WITH_HADOOP = 36
_FIRST_HADOOP_OPT_IN = 34
# https://github.com/apache/druid/pull/15710: before it, a kill task took segments that were unused for an hour, too.
_FIRST_BUFFERED_KILL = 30
_DEFAULT_BUFFER = "P30D"
WORKING_PATH = "druid.indexer.task.hadoopWorkingPath"
HADOOP_OPT_IN = "druid.indexer.task.allowHadoopTaskExecution"
KILL = {
    "druid.coordinator.kill.on": "druid.coordinator.kill.bufferPeriod",
    "druid.manager.segments.killUnused.enabled": "druid.manager.segments.killUnused.bufferPeriod",
}
AUTHORIZERS = "druid.auth.authorizers"
ESCALATOR = "druid.escalator.type"
STORAGE = ("druid.storage.type", "druid.storage.sse.type", "druid.storage.sse.kms.keyId")

Properties = Mapping[str, str]


def druid(facts: Facts) -> Iterable[tuple[str, Druid]]:
    """The one Druid."""
    return [("Druid", facts.druid)]


def handshakes(facts: Facts) -> Iterable[tuple[str, Fact[Handshake]]]:
    """Each address that the night asks."""
    return facts.druid.handshakes.items()


def servers(facts: Facts) -> Iterable[tuple[str, Fact[Properties]]]:
    """Each server's own properties."""
    return facts.druid.properties.items()


@rule("DRU-01", druid)
def all_servers_speak_tls_alone(subject: Druid, facts: Facts) -> Verdict:
    """Every row of sys.servers has a TLS port and no plaintext port."""
    del facts
    rows = known(subject.servers)
    if not rows:
        return fails("sys.servers names no server")
    defects = (
        f"{row.kind} {row.name}: tls_port {row.tls_port}, plaintext_port {row.plaintext_port}"
        for row in rows
        if row.tls_port <= 0 or row.plaintext_port != -1
    )
    return judged(defects, f"{len(rows)} servers, TLS alone")


@rule("DRU-02", handshakes)
def certificate_verifies(handshake: Fact[Handshake], facts: Facts) -> Verdict:
    """TLS 1.2 or newer, a certificate that verifies, with a month to live."""
    found = known(handshake)
    if found.problem:
        return fails(found.problem)
    defects = [] if found.version in _TLS else [f"{found.version or 'no TLS'} was agreed"]
    if found.not_after is None or found.not_after < facts.at + timedelta(days=_LEAST_CERTIFICATE_DAYS):
        defects.append(f"its certificate ends within {_LEAST_CERTIFICATE_DAYS} days")
    return judged(defects, f"{found.version}, until {day(found.not_after)}")


@rule("DRU-03", lambda facts: facts.druid.answers_strangers.items())
def strangers_are_refused(answers: Fact[bool], facts: Facts) -> Verdict:
    """A request without credentials is answered with 401 or 403."""
    del facts
    return fails("a request without credentials was answered") if known(answers) else holds("refused")


@rule("DRU-04", servers)
def an_authorizer_decides(properties: Fact[Properties], facts: Facts) -> Verdict:
    """Authorizers are named, and none of them allows everything."""
    del facts
    found = known(properties)
    names = [name.strip(' "[]') for name in found.get(AUTHORIZERS, "").split(",")]
    named = [name for name in names if name]
    if not named:
        return fails(f"{AUTHORIZERS} is not set: the default allows everything")
    lax = [name for name in named if found.get(f"druid.auth.authorizer.{name}.type", "") in {"", "allowAll"}]
    return judged((f"authorizer {name} allows everything" for name in lax), ", ".join(named))


@rule("DRU-05", servers)
def servers_have_credentials_of_their_own(properties: Fact[Properties], facts: Facts) -> Verdict:
    """The escalator is not noop."""
    del facts
    found = known(properties).get(ESCALATOR, "noop")
    return holds(found) if found in {"basic", "kerberos"} else fails(f"{ESCALATOR} is {found}")


@rule("DRU-08", servers)
def segments_are_written_with_the_key(properties: Fact[Properties], facts: Facts) -> Verdict:
    """Deep storage is S3 with SSE-KMS under the data key."""
    found = known(properties)
    wanted = dict(zip(STORAGE, ("s3", "kms", facts.intent.data_key), strict=True))
    defects = (f"{name} is {found.get(name) or 'not set'}" for name in STORAGE if found.get(name) != wanted[name])
    return judged(defects, f"s3, kms, {facts.intent.data_key}")


@rule("DRU-09", druid)
def hadoop_tasks_are_allowed(subject: Druid, facts: Facts) -> Verdict:
    """Druid 36 at the most, and from 34 on its servers allow Hadoop tasks."""
    if facts.intent.engine is not Engine.HADOOP:
        return not_applicable(f"engine {facts.intent.engine.value}")
    version = known(subject.version)
    major = druid_major(version)
    if not 0 < major <= _LAST_WITH_HADOOP:
        return fails(f"Druid {version} has no Hadoop ingestion")
    if major < _FIRST_HADOOP_OPT_IN or facts.intent.submission is not Submission.OVERLORD:
        return holds(f"Druid {version}")
    allowed = known(subject.properties["Overlord"]).get(HADOOP_OPT_IN, "false")
    return holds(f"Druid {version}, allowed") if allowed == "true" else fails(f"{HADOOP_OPT_IN} is {allowed}")


@rule("DRU-10", druid)
def segments_can_be_read_by_hadoop(subject: Druid, facts: Facts) -> Verdict:
    """Segments lie in S3; those of the old s3n scheme are read through s3a, as the job's properties say."""
    del facts
    specs = known(subject.load_specs)
    other = sorted({str(spec.get("type")) for spec in specs} - {"s3_zip"})
    return judged((f"segments are loaded by {each}" for each in other), f"{len(specs)} segments in S3")


@rule("DRU-11", druid)
def entry_is_https(subject: Druid, facts: Facts) -> Verdict:
    """Every address is https, and a load balancer that it leads to listens on nothing else."""
    del facts
    defects = [f"{url} is not https" for url in subject.urls if not url.startswith("https://")]
    found = known(subject.load_balancers)
    defects += [f"{each.dns_name} listens on {port}" for each in found for port in each.open_listeners]
    return judged(defects, ", ".join(dict.fromkeys(subject.urls)))


@rule("DRU-16", druid)
def unused_segments_outlive_the_night(subject: Druid, facts: Facts) -> Verdict:
    """Nothing kills unused segments, or not before a night and its validation have ended."""
    major = druid_major(known(subject.version))
    found = {**known(subject.properties["Coordinator"]), **known(subject.properties["Overlord"])}
    night = timedelta(hours=facts.intent.longest_night_hours)
    defects = []
    for switch, buffer in KILL.items():
        if found.get(switch, "false") != "true":
            continue
        period = found.get(buffer, _DEFAULT_BUFFER)
        if major < _FIRST_BUFFERED_KILL:
            defects.append(f"{switch} is true, and Druid {major} does not honour the buffer period")
        elif _duration(period) <= night:
            defects.append(f"{buffer} is {period}, a night may take {night}")
    return judged(defects, "no unused segment is killed before the night's end")


def _duration(period: str) -> timedelta:
    try:
        return TypeAdapter(timedelta).validate_python(period)
    except ValidationError as error:
        raise UnreadFactError(f"the period {period!r}, which is not evaluated here") from error


@rule("DRU-17", druid)
def intermediate_data_stay_encrypted(subject: Druid, facts: Facts) -> Verdict:
    """Jobs work on the cluster's own HDFS, or below a bucket that is judged here."""
    intent = facts.intent
    if intent.engine is not Engine.HADOOP or intent.submission is not Submission.OVERLORD:
        return not_applicable("the job's spec names a path of the cluster's HDFS itself")
    path = known(subject.properties["Overlord"]).get(WORKING_PATH, "/tmp/druid-indexing")  # noqa: S108  (Druid's default)
    scheme, separator, rest = path.partition("://")
    if not separator or scheme == "hdfs":
        return holds(f"{path}, on the cluster's HDFS")
    named = {bucket.name for bucket in facts.buckets}
    if scheme in {"s3", "s3a"} and rest.partition("/")[0] in named:
        return holds(f"{path}, in a bucket that is judged")
    return fails(f"{WORKING_PATH} is {path}")
