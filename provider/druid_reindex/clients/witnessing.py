"""Reads what others wrote down of a night: HDFS and the KDC in the clusters' logs, Druid and Redshift where named.

Files of the night's time alone are read, each line once, and of what they say only what ``evidence.witness_act`` names
is kept. A file that cannot be read is counted and told, as is a record that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from druid_reindex.errors import Terminal
from druid_reindex.evidence import witness_druid, witness_hdfs, witness_kdc, witness_redshift
from druid_reindex.evidence.parts_trail import Source, Witnesses
from druid_reindex.evidence.witness_act import Parse, UnreadableLine
from druid_reindex.evidence.witness_tally import Names, Tally, names_of
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.druid_call import DruidCall
from druid_reindex.model.journal import JournalledCall
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import Arn, S3Uri, StoredObject
from druid_reindex.model.witness import Witness, WitnessPlaces
from druid_reindex.plan.hadoop import WORKING_PATH
from druid_reindex.ports import LogFilesPort

# Redshift uploads within hours; Druid's files are copied by whoever keeps them.
LATEST = timedelta(hours=6)
_DAY = timedelta(days=1)
_DATE = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
_IN_CLUSTER = {Witness.HDFS: "hdfs-audit.log", Witness.KDC: "krb5kdc.log"}
READ, NOT_READ, NOT_FOUND, NOT_KEPT = "read", "not read", "not found", "not kept"


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The night that is asked about: what it worked on and with, and when."""

    datasource: str
    clusters: Sequence[str]
    journal: Sequence[JournalledCall]
    window: Window


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of one record, or why there are none; ``is_named`` where boundaries.yaml says where they come to."""

    witness: Witness
    files: Sequence[StoredObject] = ()
    state: str = READ
    why: str = ""
    is_named: bool = False

    def is_awaited(self, window: Window, now: datetime) -> bool:
        """Whether a file may still come that tells of the window's end."""
        is_whole = any(each.modified_at >= window.end for each in self.files)
        return self.is_named and self.state != NOT_READ and not is_whole and now < window.end + LATEST


@dataclass(frozen=True)
class Witnessing:
    """One side of the boundary, and the files that others deliver."""

    boundary: Boundary
    places: WitnessPlaces
    files: LogFilesPort

    def hear(self, night: Witnessed, now: datetime) -> Witnesses | None:
        """What the records tell of the night; None while a file may come that tells more.

        Raises a Transient error of ``errors``: what may be read later is not told as unread.
        """
        found = [self._found(each, night) for each in Witness]
        if any(each.is_awaited(night.window, now) for each in found):
            return None
        tally = Tally(night.window, partial(self._names(night).standing, places=self.places))
        sources = [self._read(each, night, tally) for each in found]
        return Witnesses(sources, tally.seen())

    def _names(self, night: Witnessed) -> Names:
        druid = [each for each in night.journal if isinstance(each, DruidCall)]
        roles = [role for each in night.journal if isinstance(each, AwsCall) for role in _assumed(each)]
        realms = self.boundary.kerberos
        own = [realms.cluster_realm, *([realms.external_kdc.realm] if realms.external_kdc else [])]
        return names_of((each.user for each in druid), (each.query_id for each in druid), roles, own)

    def _found(self, witness: Witness, night: Witnessed) -> _Found:
        """The record's files of the night's time."""
        try:
            match witness:
                case Witness.HDFS | Witness.KDC:
                    return self._in_clusters(witness, night)
                case Witness.DRUID:
                    return self._named(witness, "druid_requests_uri", self.places.druid_requests_uri, night)
                case Witness.REDSHIFT:
                    return self._named(witness, "redshift_audit_uri", self.places.redshift_audit_uri, night)
        except Terminal as error:
            return _Found(witness, state=NOT_READ, why=str(error))

    def _in_clusters(self, witness: Witness, night: Witnessed) -> _Found:
        name, logs = _IN_CLUSTER[witness], S3Uri.parse(self.boundary.emr_log_uri)
        if not night.clusters:
            return _Found(witness, state=NOT_KEPT, why="the night had no cluster")
        listed = (each for cluster in night.clusters for each in self.files.listing(logs / f"{cluster}/node"))
        files = [each for each in listed if each.uri.key.rpartition("/")[2].startswith(name)]
        if not files:
            return _Found(witness, state=NOT_FOUND, why=f"EMR has archived no {name} of {', '.join(night.clusters)}")
        return _Found(witness, files)

    def _named(self, witness: Witness, field: str, uri: str | None, night: Witnessed) -> _Found:
        if uri is None:
            return _Found(witness, state=NOT_KEPT, why=f"boundaries.yaml names no evidence.witnesses.{field}")
        if witness is Witness.REDSHIFT and not self._cluster:
            why = "boundaries.yaml names no cluster of Redshift; Serverless keeps its logs in CloudWatch alone"
            return _Found(witness, state=NOT_KEPT, why=why)
        place = S3Uri.parse(uri)
        listed = self._of_redshift(place, night.window) if witness is Witness.REDSHIFT else self.files.listing(place)
        files = [each for each in listed if _may_tell(each, night.window)]
        if not files:
            return _Found(witness, state=NOT_FOUND, why=f"no file of {night.window} lies below {uri}", is_named=True)
        return _Found(witness, files, is_named=True)

    def _of_redshift(self, place: S3Uri, window: Window) -> Iterator[StoredObject]:
        """The files of the days of the window, and of the day after: they are filed by when they are uploaded.

        Source: https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html
        """
        key = Arn.parse(self.boundary.kms_key_arn)
        for day in _days(window.start, window.end + _DAY):
            folder = f"AWSLogs/{key.account}/redshift/{key.region}/{day:%Y/%m/%d}"
            for each in self.files.listing(place / folder):
                name = each.uri.key.rpartition("/")[2]
                if f"_{self._cluster}_" in name and witness_redshift.log_of(name) is not None:
                    yield each

    @property
    def _cluster(self) -> str:
        """The identifier of the side's Redshift cluster; empty where it has none."""
        warehouse = self.boundary.redshift
        return (warehouse.cluster_identifier or "") if warehouse is not None else ""

    def _read(self, found: _Found, night: Witnessed, tally: Tally) -> Source:
        """What could be read of the record, whose acts are added to ``tally``."""
        if found.state != READ:
            return Source(found.witness, found.state, found.why)
        lines, why, unread = _Lines(), "", 0
        for each in found.files:
            try:
                lines.read(self.files.lines(each.uri), self._parse(found.witness, each.uri, night), found, tally)
            except Terminal as error:
                why, unread = str(error), unread + 1
        state = NOT_READ if unread == len(found.files) else READ
        return Source(found.witness, state, why, len(found.files), unread, lines.all, lines.other, lines.unread)

    def _parse(self, witness: Witness, uri: S3Uri, night: Witnessed) -> Parse:
        match witness:
            case Witness.HDFS:
                return partial(witness_hdfs.parse, folder=f"{WORKING_PATH}/{night.datasource}")
            case Witness.KDC:
                return partial(witness_kdc.parse, window=night.window)
            case Witness.DRUID:
                return partial(witness_druid.parse, datasource=night.datasource)
            case Witness.REDSHIFT:
                log = witness_redshift.log_of(uri.key.rpartition("/")[2]) or witness_redshift.ACTIVITY
                database = self.boundary.redshift.database if self.boundary.redshift is not None else ""
                return partial(witness_redshift.parse, log=log, database=database)


@dataclass
class _Lines:
    """How many lines were read, tell of nothing that belongs here, or are in a form that is not known."""

    all: int = 0
    other: int = 0
    unread: int = 0

    def read(self, lines: Iterator[str], parse: Parse, found: _Found, tally: Tally) -> None:
        """Count the lines, and add each act to ``tally``."""
        for line in lines:
            self.all += 1
            try:
                act = parse(line)
            except UnreadableLine:
                self.unread += 1
                continue
            if act is None:
                self.other += 1
            else:
                tally.add(found.witness, act)


def _assumed(call: AwsCall) -> list[str]:
    is_assumed = call.event_source == "sts.amazonaws.com" and call.operation.startswith("AssumeRole")
    return [each for each in call.resources if is_assumed and ":role/" in each]


def _may_tell(stored: StoredObject, window: Window) -> bool:
    """Whether the file may hold lines of the window: by the days in its name, else by when it was last written."""
    if stored.modified_at < window.start:
        return False
    named = {"".join(each) for each in _DATE.findall(stored.uri.key.rpartition("/")[2])}
    return not named or bool(named & {f"{day:%Y%m%d}" for day in _days(window.start, window.end + _DAY)})


def _days(start: datetime, end: datetime) -> Iterator[datetime]:
    day = start
    while day.date() <= end.date():
        yield day
        day += _DAY
