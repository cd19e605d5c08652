"""Tests of what is read from the nights' records: what they replaced, when, and whether that is settled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from druid_reindex.clients.replaced import Replaced
from druid_reindex.errors import ProtocolError
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.retire import Replacement
from retired_nights import DATASOURCE, DAY, PHI, V0, V1, V2, Past, ids, version

AT = datetime(2026, 9, 20, 3, tzinfo=UTC)
LATER = AT + timedelta(days=1)


@pytest.fixture
def past() -> Past:
    made = Past()
    made.serve(version(V0))
    return made


def replaced(past: Past, datasource: str = DATASOURCE) -> list[Replacement]:
    return Replaced(past.store, PHI, datasource).replacements()


def test_a_night_that_passed_has_replaced_what_was_there_before(past: Past) -> None:
    run_id = past.night("1", version(V0), version(V1), AT)
    (found,) = replaced(past)
    assert found.names == {SegmentName(DAY, V0, 0), SegmentName(DAY, V0, 1)}
    assert (found.at, found.is_settled, found.record) == (AT, True, names.result_uri(PHI, run_id, 0))
    assert replaced(past, "patient") == []


@pytest.mark.parametrize("verdict", ["failed", None])
def test_a_night_that_did_not_pass_is_not_settled(past: Past, verdict: str | None) -> None:
    past.night("1", version(V0), version(V1), AT, verdict=verdict)
    assert [each.is_settled for each in replaced(past)] == [False]


def test_what_was_added_to_the_old_version_went_with_it(past: Past) -> None:
    run_id = past.night("1", version(V0), version(V1), AT)
    more = version(V0, shards=3)[2]
    record = {"datasource": DATASOURCE, "before": {str(DAY): ids(version(V0))}, "appended": {str(DAY): ids([more])}}
    past.record(names.result_uri(PHI, run_id, 0), record, AT)
    assert SegmentName.of(more) in replaced(past)[0].names


def test_a_night_that_was_taken_back_has_left_its_own_segments(past: Past) -> None:
    run_id = past.night("1", version(V0), version(V1), AT)
    past.take_back(run_id, version(V0), version(V1), LATER)
    (found,) = replaced(past)
    assert {each.version for each in found.names} == {V1}
    assert (found.at, found.is_settled) == (LATER, True)
    past.take_back(run_id, version(V0), version(V1), LATER, state="begun")
    assert [each.is_settled for each in replaced(past)] == [False]
    assert replaced(past, "patient") == []


def test_what_is_known_to_be_gone_is_not_told_again_unless_its_record_changes(past: Past) -> None:
    run_id = past.night("1", version(V0), version(V1), AT)
    keeper = Replaced(past.store, PHI, DATASOURCE)
    (found,) = keeper.replacements()
    keeper.forget(found, S3Uri.parse("s3://drx-phi-111122223333/runs/disposals/patient_vitals/1.json"))
    assert keeper.replacements() == []
    record = {"datasource": DATASOURCE, "before": {str(DAY): ids(version(V1))}, "appended": {}}
    past.record(names.result_uri(PHI, run_id, 0), record, LATER)
    assert [each.names for each in keeper.replacements()] == [frozenset(map(SegmentName.of, version(V1)))]


def test_a_record_of_an_older_release_or_of_nothing_says_nothing(past: Past) -> None:
    run_id = past.night("1", version(V0), version(V1), AT)
    past.record(names.result_uri(PHI, run_id, 0), {"after": {}}, AT)
    past.record(names.rollback_uri(PHI, run_id, 1), {"state": "done"}, AT)
    assert replaced(past) == []


def test_an_unreadable_record_is_named(past: Past) -> None:
    run_id = past.night("1", version(V0), version(V2), AT)
    past.store.put(names.verdict_uri(PHI, run_id, 0), b"[]", kms_key_arn=PHI.kms_key_arn)
    with pytest.raises(ProtocolError, match=r"verdict\.json"):
        replaced(past)
