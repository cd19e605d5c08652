"""What a supplement tells of CloudTrail in lineage: one run for each supplement, classes and counts, nobody's name."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

import packs
from druid_reindex.evidence.lineage import RunName
from druid_reindex.evidence.lineage_facets import FINDINGS
from druid_reindex.evidence.lineage_trail import Supplement, TrailRun, trail_run
from druid_reindex.evidence.parts import Kind, Part, Run, pending
from told_nights import FOREIGN, MISSING, confirmed

NAME = RunName("clinic", "nightly_reindex__v", "01a0f4c2-0000-7000-8000-000000000001", "druid://h:9088")
NIGHT = replace(packs.A_RUN, lineage=NAME)


def supplement(*parts: Part, **changes: Any) -> Supplement:
    made = Supplement(
        "s3://drx-evidence/packs/v/r/0001.jsonl", "ab" * 32, 1, parts, must_be_looked_at=False, is_awaited=False
    )
    return replace(made, **changes)


def run(*parts: Part, **changes: Any) -> TrailRun:
    found = trail_run(NIGHT, supplement(*parts, **changes))
    assert found is not None
    return found


def test_it_is_a_run_of_a_job_of_its_own_that_reads_the_night_s_datasource() -> None:
    found = run(*confirmed().values())
    assert (found.job, found.parent, found.has_failed) == ("nightly_reindex__v.cloudtrail", NAME, False)
    assert asdict(found.dataset.name) == {"namespace": "druid://h:9088", "name": "patient_vitals"}
    assert UUID(found.run) not in {UUID(NAME.run), UUID(NIGHT.run)}


def test_the_same_supplement_is_the_same_run_and_another_one_another() -> None:
    parts = confirmed().values()
    assert run(*parts).run == run(*parts).run
    others = {run(*parts, sha256="cd" * 32).run, run(*parts).run}
    other_night = trail_run(replace(NIGHT, run=packs.OTHER_RUN), supplement(*parts))
    assert other_night is not None
    assert len({*others, other_night.run}) == 3


def test_findings_are_counted_by_class() -> None:
    twice = replace(FOREIGN, resource="s3://b/another", count=4)
    told = run(*confirmed(FOREIGN, twice, MISSING).values(), must_be_looked_at=True)
    assert told.has_failed
    facet = told.facets[FINDINGS]
    assert facet["findings"] == [
        {"class": "foreign", "findings": 2, "events": 7},
        {"class": "missing", "findings": 1, "events": 1},
    ]
    assert facet["matches"] == [{"class": "E1", "events": 16}, {"class": "declared", "events": 24}]
    assert {"what": "events on our objects and keys", "found": 41, "of": 44} in facet["coverage"]


def test_who_touched_what_is_told_to_nobody() -> None:
    told = json.dumps(run(*confirmed(FOREIGN).values()).facets)
    assert not [hidden for hidden in ("analytics", 'jo"', "index.zip", FOREIGN.resource) if hidden in told]


def test_what_is_known_while_files_are_awaited_has_no_coverage_yet() -> None:
    found = confirmed(FOREIGN)
    told = run(found[Kind.FINDINGS], pending(Kind.MATCHES, "later"), is_awaited=True)
    assert told.facets[FINDINGS]["awaited"]
    assert not {"matches", "coverage"} & told.facets[FINDINGS].keys()


def test_nothing_is_told_before_findings_are_known_or_of_a_night_that_lineage_knows_not() -> None:
    found = confirmed()
    assert trail_run(NIGHT, supplement(found[Kind.JOURNAL], pending(Kind.FINDINGS, "later"))) is None
    assert trail_run(packs.A_RUN, supplement(*found.values())) is None


def test_the_names_of_a_night_are_read_back_from_its_pack_and_from_an_older_one_that_has_none() -> None:
    told = asdict(NIGHT)
    assert Run.read(told) == NIGHT
    del told["lineage"]
    assert Run.read(told) == packs.A_RUN
