"""Whose acts were seen, and how they are counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.witness_act import Act
from druid_reindex.evidence.witness_tally import BEYOND_MOST, Names, Standing, Tally, names_of, touched_by_others
from druid_reindex.model.trail import Window
from druid_reindex.model.witness import KnownIdentity, Witness, WitnessPlaces

START = datetime(2026, 10, 6, 6, 30, tzinfo=UTC)
NIGHT = Window(START, START + timedelta(hours=1))
HOST = "ip-10-0-0-5.ec2.internal@EC2.INTERNAL"
NAMES = names_of(["drx"], ["q-1", None], ["arn:aws:iam::111122223333:role/DrxAirflowPhi"], ["EC2.INTERNAL"])


def known(witness: Witness, identity: str, expires: date = date(2099, 1, 1)) -> WitnessPlaces:
    one = KnownIdentity(
        witness=witness, identity=identity, owner="druid", purpose="A test of declarations.", expires=expires
    )
    return WitnessPlaces(known=(one,))


def act(*who: str, at: datetime = START, did: str = "open", **fields: object) -> Act:
    return Act(at, who, did, **({"where": "/tmp/x"} | fields))  # type: ignore[arg-type]  # as the test says


@pytest.mark.parametrize(
    ("witness", "who", "standing"),
    [
        (Witness.HDFS, [f"hadoop/{HOST}"], Standing.NIGHT),
        (Witness.HDFS, ["hadoop"], Standing.NIGHT),
        (Witness.HDFS, [f"yarn/{HOST}"], Standing.SERVICE),
        (Witness.KDC, [f"HTTP/{HOST}"], Standing.SERVICE),
        (Witness.HDFS, ["jo"], Standing.OTHER),
        (Witness.HDFS, ["hadoop/elsewhere@AD.EXAMPLE.COM"], Standing.OTHER),
        (Witness.HDFS, ["hdfs@EC2.INTERNAL"], Standing.OTHER),
        (Witness.HDFS, ["jo", f"hadoop/{HOST}"], Standing.OTHER),
        (Witness.HDFS, [f"hadoop/{HOST}", f"yarn/{HOST}"], Standing.NIGHT),
        (Witness.REDSHIFT, ["IAMR:drxairflowphi"], Standing.NIGHT),
        (Witness.REDSHIFT, ["rdsdb"], Standing.SERVICE),
        (Witness.REDSHIFT, ["IAMR:Analyst"], Standing.OTHER),
        (Witness.DRUID, ["hadoop"], Standing.OTHER),
    ],
)
def test_whose_an_act_is(witness: Witness, who: list[str], standing: Standing) -> None:
    assert NAMES.standing(witness, act(*who), WitnessPlaces()) is standing


def test_a_druid_query_is_the_nights_by_its_user_and_its_id() -> None:
    of = partial(NAMES.standing, Witness.DRUID, places=WitnessPlaces())
    assert of(act("drx", query_id="q-1")) is Standing.NIGHT
    assert of(act("drx", query_id="q-2")) is Standing.OTHER
    assert of(act("drx")) is Standing.OTHER
    assert of(act("jo", query_id="q-1")) is Standing.OTHER


def test_a_declared_identity_is_so_in_its_record_and_until_its_day() -> None:
    places = known(Witness.HDFS, "druid@SITE.INTERNAL", START.date())
    assert NAMES.standing(Witness.HDFS, act("druid/mm1@SITE.INTERNAL"), places) is Standing.DECLARED
    late = act("druid/mm1@SITE.INTERNAL", at=START + timedelta(days=1))
    assert NAMES.standing(Witness.HDFS, late, places) is Standing.OTHER
    assert NAMES.standing(Witness.KDC, act("druid/mm1@SITE.INTERNAL"), places) is Standing.OTHER
    assert NAMES.standing(Witness.HDFS, act("jo", "druid/mm1@SITE.INTERNAL"), places) is Standing.OTHER


def tally(most: int = 10) -> Tally:
    return Tally(NIGHT, partial(NAMES.standing, places=WitnessPlaces()), most)


def test_equal_acts_are_counted_with_their_times_refusals_and_days() -> None:
    counted = tally()
    counted.add(Witness.HDFS, act(f"hadoop/{HOST}", at=START + timedelta(minutes=9), days=("2026-10-02", "2026-10-03")))
    counted.add(Witness.HDFS, act("hadoop/other@EC2.INTERNAL", is_refused=True, days=("2026-10-01", "2026-10-02")))
    counted.add(Witness.HDFS, act(f"hadoop/{HOST}"))
    (seen,) = counted.seen()
    assert (seen.who, seen.standing, seen.count, seen.refused) == ("hadoop@EC2.INTERNAL", "the night", 3, 1)
    assert (seen.first_at, seen.last_at) == (START.isoformat(), (START + timedelta(minutes=9)).isoformat())
    assert seen.days == "2026-10-01/2026-10-03"


def test_what_lies_outside_of_the_window_is_not_counted() -> None:
    counted = tally()
    counted.add(Witness.HDFS, act("jo", at=NIGHT.end + timedelta(seconds=1)))
    counted.add(Witness.HDFS, act("jo", at=NIGHT.start - timedelta(seconds=1)))
    assert counted.seen() == []


def test_many_names_are_counted_together_and_stay_a_finding() -> None:
    counted = tally(most=3)
    for number in range(50):
        counted.add(Witness.HDFS, act(f"eve{number}"))
    seen = counted.seen()
    assert len(seen) == 4
    assert sum(each.count for each in seen) == 50
    assert max(seen, key=lambda each: each.count).who == BEYOND_MOST
    assert sum(each.count for each in touched_by_others(seen)) == 50


def test_others_are_a_finding_on_the_clusters_own_records_alone() -> None:
    counted = tally()
    for witness in Witness:
        counted.add(witness, act("jo"))
        counted.add(witness, act(f"yarn/{HOST}"))
    found = list(touched_by_others(counted.seen()))
    assert [(each.event_source, each.principal) for each in found] == [("hdfs-audit", "jo"), ("kdc", "jo")]
    assert {each.verdict for each in found} == {Unexplained.FOREIGN}


def test_a_night_without_names_knows_nobody_but_the_clusters_bare_users() -> None:
    assert Names().standing(Witness.REDSHIFT, act("IAMR:x"), WitnessPlaces()) is Standing.OTHER
