"""Looks at a run whose packs, journal and trail are in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

import packs
from druid_reindex.clients.evidence_folders import EvidenceFolder, s3_folders
from druid_reindex.clients.packs import PackKeeper
from druid_reindex.clients.reconciling import Looked, Reconciling
from druid_reindex.clients.witnessing import LATEST
from druid_reindex.errors import IntegrityError, NotAuthorizedError, ProtocolError
from druid_reindex.evidence.lineage import RunName
from druid_reindex.evidence.lineage_facets import FINDINGS
from druid_reindex.evidence.parts import Asked, Kind, Part, Segments, State, told
from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.reconcile import read_reconciliation
from druid_reindex.evidence.report_read import Evidence, read_packs
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.evidence.trail_view import GRACE
from druid_reindex.model.attempt import session_name_of
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.declared_actor import DeclaredActor
from druid_reindex.model.evidence_place import EvidencePlace, Trail
from druid_reindex.model.holding import Holding
from druid_reindex.model.identity import digest
from druid_reindex.model.journal import to_line
from druid_reindex.model.realm import Realms
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.witness import WitnessPlaces
from trail_account import ACCOUNT, HOUR, NIGHT, SCOPE, TrailFiles, event, log_text
from trail_runs import ACCESS_KEY, DATA, KEY_ARN, NODE_ROLE, ROLE, assumed, call
from twins import FakeLockedStore, FakeLogFiles, FakeSigner, FakeTrail

PLACE = EvidencePlace(
    uri="s3://drx-evidence-111122223333/phi/", kms_key_arn=KEY_ARN, signing_key_arn=FakeSigner().key, agreement="BAA"
)
RUNS = "s3://drx-phi-111122223333/runs/"
BOUNDARY = Boundary.model_construct(
    runs_uri=RUNS,
    segments_uri="s3://drx-phi-111122223333/druid/segments",
    kms_key_arn=KEY_ARN,
    emr_log_uri="s3://drx-logs-111122223333/emr/phi/",
    kerberos=Realms(),
    redshift=None,
)
SEGMENT = f"{DATA}/druid/segments/patient_vitals/1"
TASK, WORKER = "reindex.-1.1", "ASIATHEWORKERSOWN001"
SESSION = assumed(ROLE, session_name_of(packs.RUN, TASK), ACCESS_KEY)
NAMED = RunName("clinic", "nightly", "01a0f4c2-0000-7000-8000-000000000001", "druid://h:9088")
OVER = NIGHT + GRACE + HOUR
NODE = DeclaredActor(
    name="historicals", principal=NODE_ROLE, verbs=("s3:GetObject",), prefix="s3://drx-phi-111122223333/druid",
    owner="druid", purpose="Druid's nodes load what they serve.", expires=date(2099, 1, 1),
)  # fmt: skip


def ours(number: int, at: datetime = NIGHT, **changes: Any) -> AwsCall:
    return call(number, at, **{"resources": (SEGMENT,), "run": packs.RUN, "task": TASK} | changes)


ASSUMED = ours(
    0, event_source="sts.amazonaws.com", operation="AssumeRole", access_key_id=WORKER, resources=(ROLE,)
)  # fmt: skip
CALLS = (ASSUMED, ours(1), ours(2, NIGHT + timedelta(minutes=1)))


def record(call: AwsCall, **fields: Any) -> dict[str, Any]:
    return event(
        int(str(call.request_id)[3:]), call.attempted_at,
        **{"requestID": call.request_id, "eventSource": call.event_source, "eventName": call.operation,
           "userIdentity": SESSION, "requestParameters": None,
           "resources": [{"ARN": each} for each in call.resources]} | fields,
    )  # fmt: skip


def read_by(identity: dict[str, Any], number: int = 77, **fields: Any) -> dict[str, Any]:
    return record(ours(number), **{"eventName": "GetObject", "userIdentity": identity} | fields)


STRANGER = assumed(f"arn:aws:iam::{ACCOUNT}:role/Analyst", "eve")


class World:
    """A run with a pack and a journal, and the files of the trail."""

    def __init__(self, *calls: AwsCall) -> None:
        self.store, self.files, self.logs = FakeLockedStore(), TrailFiles(), FakeLogFiles()
        self.keeper = PackKeeper(PLACE, self.store, FakeSigner(), packs.A_RUN)
        self.keeper.keep(gathered, NIGHT)
        self.journal(packs.RUN, *calls)
        self.actors: tuple[DeclaredActor, ...] = ()

    def journal(self, run: str, *calls: AwsCall, name: str = "a") -> None:
        uri = S3Uri.parse(RUNS) / f"{run}/journal/{name}.jsonl"
        self.store.put(uri, b"".join(map(to_line, calls)), kms_key_arn=KEY_ARN)

    def deliver(self, *records: dict[str, Any], hours: int = 4) -> None:
        """What came, and a chain of whole digests over those hours."""
        self.files.deliver(log_text(*records), NIGHT)
        for hour in range(hours):
            self.files.close(NIGHT + hour * HOUR)

    @property
    def folder(self) -> EvidenceFolder:
        (found,) = s3_folders(self.store, self.keeper.folder)
        return found

    @property
    def evidence(self) -> Evidence:
        return read_packs(self.folder.packs(), self.folder.keys())

    def look(self, now: datetime = OVER, place: EvidencePlace = PLACE) -> Looked:
        return self.looking(place).look(self.folder, now)

    def is_due(self) -> bool:
        return self.looking().is_due(self.folder)

    def looking(self, place: EvidencePlace = PLACE) -> Reconciling:
        port = FakeTrail(
            [SCOPE], self.files.objects, self.files.public_keys(), Selectors(s3_prefixes=(f"{DATA}/",))
        )  # fmt: skip
        return Reconciling(
            BOUNDARY,
            place,
            self.store,
            FakeSigner(),
            port,
            lambda _: self.actors,
            lambda cluster: [f"i-{cluster}"],
            self.logs,
        )

    def findings(self) -> list[tuple[str, str]]:
        found = self.evidence.told(Kind.FINDINGS).get("findings", ())
        return [(each["verdict"], each["principal"]) for each in found]


def gathered() -> list[Part]:
    asked = told(Asked("manual", "ada", None, None, None, NIGHT.isoformat()))
    return [asked if each.kind is Kind.ASKED else each for each in packs.gathered()]


def test_when_all_is_known_a_supplement_tells_it_and_the_pack_is_closed() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS))
    assert world.is_due()
    looked = world.look()
    assert (looked.is_pending, bool(looked.alert), looked.kept.is_new) == (False, False, True)
    assert looked.kept.pack.title.sequence == 1
    assert not world.is_due()
    matches = world.evidence.told(Kind.MATCHES)
    assert {each["how"] for each in matches["matches"]} == {"E1"}
    assert [(each["found"], each["of"]) for each in matches["coverage"]] == [(3, 3)] * 4
    assert world.evidence.told(Kind.FINDINGS) == {"findings": []}
    assert world.evidence.changed is None


def test_the_detail_is_locked_and_its_digest_is_signed() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS))
    world.look()
    stored = world.evidence.told(Kind.MATCHES)["stored"]
    uri = S3Uri.parse(stored["uri"])
    body = world.store.get(uri)
    assert digest(body) == stored["sha256"]
    assert len(read_reconciliation(body).matches) == 3
    assert world.store.lock_of(uri) is not None


def test_the_detail_is_kept_by_who_may_not_ask_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As S3 answers to whom lists by prefix alone."""

    def refuse(uri: S3Uri) -> bool:
        raise NotAuthorizedError("look for it", resource=str(uri), came_back="403", remedy="ask")

    world = World(*CALLS)
    world.deliver(*map(record, CALLS))
    monkeypatch.setattr(world.store, "exists", refuse)
    assert world.look().kept.is_new
    assert not world.look(OVER + HOUR).kept.is_new


def test_nothing_new_gives_no_supplement() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS), read_by(STRANGER))
    first = world.look()
    again = world.look(OVER + HOUR)
    assert (again.kept.is_new, again.kept.pack.sha256) == (False, first.kept.pack.sha256)


def test_while_files_are_awaited_the_journal_is_told_and_the_rest_is_pending() -> None:
    world = World(*CALLS)
    looked = world.look(NIGHT + timedelta(minutes=10))
    assert looked.is_pending
    assert world.is_due()
    states = {kind: word.state for kind, word in world.evidence.words.items()}
    assert states[Kind.JOURNAL] is State.TOLD
    assert states[Kind.MATCHES] is states[Kind.FINDINGS] is State.PENDING
    assert not world.look(NIGHT + timedelta(minutes=40)).kept.is_new


def test_a_stranger_is_told_of_before_all_is_known() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS), read_by(STRANGER), hours=1)
    looked = world.look(NIGHT + HOUR)
    assert looked.is_pending
    assert str(looked.alert) == "1 foreign"
    assert world.findings() == [("foreign", f"arn:aws:sts::{ACCOUNT}:assumed-role/Analyst/eve")]


def test_a_call_that_whole_files_do_not_have_is_missing_and_without_files_a_gap() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS[:2]))
    world.look()
    assert world.findings() == [(Unexplained.MISSING, TASK)]
    blind = World(*CALLS)
    assert blind.look(NIGHT + 30 * HOUR).is_pending is False
    assert {verdict for verdict, _ in blind.findings()} == {Unexplained.TRAIL_GAP}
    assert (Unexplained.TRAIL_GAP, "the trail") in blind.findings()


def test_the_sandboxs_trail_needs_no_patience() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS), hours=2)
    assert world.look(NIGHT + HOUR).is_pending
    emulated = PLACE.model_copy(update={"trail": Trail.EMULATED})
    early = World(*CALLS).look(NIGHT + HOUR, emulated)
    assert (early.is_pending, bool(early.alert)) == (True, False), "nothing has come, so nothing is missing"
    assert not world.look(NIGHT + HOUR, emulated).is_pending


def test_a_task_of_another_run_is_known_by_its_own_journal_and_not_by_what_it_says() -> None:
    other = "5b1c8a3e-9d0f-5e2b-b7d4-4a1e8c7d6f22"
    theirs = ours(88, run=other, task="reconcile.-1.1", operation="GetObject", access_key_id="ASIAOFANOTHERRUN0001")
    identity = assumed(ROLE, "drx1.x.1", "ASIAOFANOTHERRUN0001")
    identity["sessionContext"] = identity["sessionContext"] | {"sourceIdentity": other}
    world = World(*CALLS)
    world.deliver(*map(record, CALLS), record(theirs, userIdentity=identity))
    world.look()
    assert [verdict for verdict, _ in world.findings()] == ["foreign"], "it says whose it is, and no journal has it"
    world.journal(other, theirs)
    world.look()
    assert world.findings() == []


def test_what_is_declared_is_explained_and_what_goes_beyond_is_not() -> None:
    world = World(*CALLS)
    world.actors = (NODE,)
    node = assumed(NODE_ROLE, "i-0a")
    world.deliver(*map(record, CALLS), read_by(node, 77), read_by(node, 78, eventName="DeleteObject"))
    world.look()
    assert [verdict for verdict, _ in world.findings()] == [Unexplained.BEYOND]
    matches = world.evidence.told(Kind.MATCHES)["matches"]
    assert ("declared", "historicals") in {(each["how"], each["who"]) for each in matches}


def test_an_instance_of_the_runs_cluster_is_known() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS), read_by(assumed(NODE_ROLE, "i-j-1")))
    world.look()
    assert world.findings() == []


def test_an_instance_of_a_cluster_that_another_run_launched_is_known_by_that_runs_journal() -> None:
    other = "5b1c8a3e-9d0f-5e2b-b7d4-4a1e8c7d6f22"
    launch = ours(
        88, run=other, task="cluster_up.-1.1", event_source="elasticmapreduce.amazonaws.com", operation="RunJobFlow",
        access_key_id="ASIAOFANOTHERRUN0001", resources=("drx-secure", "j-2"),
    )  # fmt: skip
    identity = assumed(ROLE, "drx1.x.1", launch.access_key_id)
    identity["sessionContext"] = identity["sessionContext"] | {"sourceIdentity": other}
    world = World(*CALLS)
    world.journal(other, launch)
    on_the_key = record(launch, userIdentity=identity, resources=[{"ARN": KEY_ARN}])
    world.deliver(*map(record, CALLS), on_the_key, read_by(assumed(NODE_ROLE, "i-j-2"), 78))
    world.look()
    assert world.findings() == []
    stranger = World(*CALLS)
    stranger.journal(other, replace(launch, resources=("drx-secure", "j-3")))
    stranger.deliver(*map(record, CALLS), on_the_key, read_by(assumed(NODE_ROLE, "i-j-2"), 78))
    stranger.look()
    assert [verdict for verdict, _ in stranger.findings()] == ["foreign"]


def test_a_pack_that_was_changed_is_not_added_to() -> None:
    world = World(*CALLS)
    uri = world.keeper.folder / "0000.jsonl"
    world.store.objects[uri] = (world.store.get(uri).replace(b"ada", b"eve"), KEY_ARN)
    assert world.is_due()
    with pytest.raises(IntegrityError, match="reconcile"):
        world.look()


def test_a_journal_that_was_damaged_stops_the_look() -> None:
    world = World(replace(ASSUMED, task="x"))
    uri = S3Uri.parse(RUNS) / f"{packs.RUN}/journal/b.jsonl"
    world.store.put(uri, b'{"kind": "aws"}\n', kms_key_arn=KEY_ARN)
    with pytest.raises(ProtocolError):
        world.look()


def test_what_is_new_is_one_run_in_lineage_and_what_is_not_is_none() -> None:
    world = World(*CALLS)
    world.keeper = PackKeeper(PLACE, FakeLockedStore(), FakeSigner(), replace(packs.A_RUN, lineage=NAMED))
    world.store = world.keeper.store  # type: ignore[assignment]
    world.keeper.keep(gathered, NIGHT)
    world.journal(packs.RUN, *CALLS)
    assert world.look(NIGHT + timedelta(minutes=10)).trail_run is None, "the journal alone is new"
    world.deliver(*map(record, CALLS), read_by(STRANGER))
    looked = world.look()
    assert looked.trail_run is not None
    assert (looked.trail_run.parent, looked.trail_run.has_failed) == (NAMED, True)
    assert looked.trail_run.facets[FINDINGS]["packSha256"] == looked.kept.pack.sha256
    assert world.look(OVER + HOUR).trail_run is None


def test_a_night_of_which_lineage_was_not_told_has_no_run_there() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS))
    looked = world.look()
    assert looked.kept.is_new
    assert looked.trail_run is None


AUDIT = S3Uri("drx-logs-111122223333", "emr/phi/j-1/node/i-1/applications/hadoop-hdfs/hdfs-audit.log")
WITH_DRUID = PLACE.model_copy(update={"witnesses": WitnessPlaces(druid_requests_uri="s3://logs/druid")})


def audited(who: str) -> bytes:
    return (
        f"{NIGHT:%Y-%m-%d %H:%M:%S},000 INFO FSNamesystem.audit: allowed=true\tugi={who} (auth:SIMPLE)\tip=/10.0.0.5\t"
        "cmd=open\tsrc=/user/eve/jane_doe.csv\tdst=null\tperm=null\tproto=rpc\n"
    ).encode()


def test_a_stranger_on_the_clusters_hdfs_is_found_and_named() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS))
    world.logs.files[AUDIT] = (NIGHT, audited("eve") * 7 + audited("hadoop"))
    looked = world.look()
    assert looked.alert.counts == {"foreign": 1}
    (found,) = world.evidence.told(Kind.FINDINGS)["findings"]
    told = (found["principal"], found["event_source"], found["operation"], found["resource"], found["count"])
    assert told == ("eve", "hdfs-audit", "open", "/user/eve/…", 7)
    assert {each["who"] for each in world.evidence.told(Kind.WITNESSES)["seen"]} == {"eve", "hadoop"}
    assert b"jane" not in b"".join(body for body, _ in world.store.objects.values())
    assert not world.is_due()


def test_other_records_are_read_once_the_trail_has_told_all() -> None:
    world = World(*CALLS)
    world.logs.files[AUDIT] = (NIGHT, audited("eve"))
    assert world.look(NIGHT + HOUR).is_pending
    assert world.evidence.words[Kind.WITNESSES].state is State.PENDING
    assert world.findings() == []


def test_a_run_stays_open_while_a_named_log_may_come_and_its_findings_are_kept() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS))
    world.logs.files[AUDIT] = (NIGHT, audited("eve"))
    assert world.look(place=WITH_DRUID).is_pending
    assert world.evidence.words[Kind.MATCHES].state is State.TOLD
    assert "Druid or Redshift" in world.evidence.words[Kind.WITNESSES].why
    assert world.is_due()
    looked = world.look(OVER + LATEST, WITH_DRUID)
    assert (looked.is_pending, looked.kept.is_new) == (False, True)
    assert world.findings() == [(Unexplained.FOREIGN, "eve")]
    assert not world.is_due()
    assert not world.look(OVER + LATEST + HOUR, WITH_DRUID).kept.is_new


def test_a_log_that_cannot_be_read_is_told_and_the_run_is_closed() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS))
    world.logs.refused.append(S3Uri("drx-logs-111122223333", "emr"))
    assert not world.look().alert
    sources = {each["witness"]: each for each in world.evidence.told(Kind.WITNESSES)["sources"]}
    assert sources["hdfs-audit"]["state"] == "not read"
    assert "AccessDenied" in sources["hdfs-audit"]["why"]


def test_what_a_stranger_has_read_is_counted_as_the_nights_pack_tells_it() -> None:
    world = World(*CALLS)
    held = Holding("s3://" + SEGMENT.removeprefix("arn:aws:s3:::"), "2026-10-01/2026-10-02", 4120, 371, "by a sketch")
    segments = told(Segments((), (held,)))
    world.keeper.keep(lambda: [segments if each.kind is Kind.SEGMENTS else each for each in gathered()], NIGHT)
    elsewhere = {"resources": [{"ARN": f"{SEGMENT}0"}]}
    world.deliver(*map(record, CALLS), read_by(STRANGER), read_by(STRANGER, 78, **elsewhere))
    world.look()
    read, other = world.evidence.told(Kind.FINDINGS)["findings"]
    assert [read[name] for name in ("interval", "rows", "patients", "counted")] == [
        "2026-10-01/2026-10-02", 4120, 371, "by a sketch",
    ]  # fmt: skip
    assert [other[name] for name in ("interval", "rows", "patients")] == [None] * 3
    assert "do not tell" in other["counted"]


def test_a_journal_that_comes_after_the_end_is_told_in_a_further_supplement() -> None:
    """A worker died, and another one has delivered later what it had written down."""
    world, late = World(*CALLS), ours(3, NIGHT + timedelta(minutes=2))
    world.deliver(*map(record, (*CALLS, late)))
    world.look()
    assert not world.is_due()
    world.journal(packs.RUN, late, name="b")
    assert world.is_due()
    looked = world.look(OVER + HOUR)
    assert (looked.kept.is_new, looked.kept.pack.title.sequence, looked.is_pending) == (True, 2, False)
    told_ = world.evidence.told(Kind.JOURNAL)
    assert sum(each["count"] for each in told_["calls"]) == 4
    assert [each["uri"].rpartition("/")[2] for each in told_["files"]] == ["a.jsonl", "b.jsonl"]
    assert world.evidence.told(Kind.MATCHES)["coverage"][0]["found"] == 4
    assert not world.is_due()
    assert not world.look(OVER + 2 * HOUR).kept.is_new


def test_a_journal_that_comes_late_and_that_the_trail_does_not_have_is_found_missing() -> None:
    world = World(*CALLS)
    world.deliver(*map(record, CALLS))
    world.look()
    world.journal(packs.RUN, ours(3, NIGHT + timedelta(minutes=2)), name="b")
    assert world.look(OVER + HOUR).alert.counts == {Unexplained.MISSING: 1}


def test_a_journal_that_was_written_anew_with_more_in_it_is_read_again() -> None:
    world, more = World(*CALLS), ours(3, NIGHT + timedelta(minutes=2))
    world.deliver(*map(record, (*CALLS, more)))
    world.look()
    world.journal(packs.RUN, *CALLS, more)
    assert world.is_due()
    assert world.look(OVER + HOUR).kept.is_new
