"""Druid's rules beyond the table of `test_judge.py`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from druid_reindex.model.pipeline import Engine, Submission
from druid_reindex.posture.facts import Facts, UnreadFactError
from druid_reindex.posture.findings import Status
from druid_reindex.posture.rules import druid as rules
from posture_facts import druids, good_facts, propertied

FACTS = good_facts()


def submitted(facts: Facts, **changes: object) -> Facts:
    return replace(facts, intent=replace(facts.intent, **changes))


@pytest.mark.parametrize("authorizers", ['["basic"]', "basic", '[ "basic" , "basic" ]'])
def test_authorizers_as_druid_writes_them(authorizers: str) -> None:
    facts = propertied(FACTS, druid__auth__authorizers=authorizers)
    assert rules.an_authorizer_decides(facts.druid.properties["Broker"], facts).status is Status.PASS


def test_an_authorizer_without_a_type_allows_everything() -> None:
    facts = propertied(FACTS, druid__auth__authorizers='["basic","other"]')
    assert (
        rules.an_authorizer_decides(facts.druid.properties["Broker"], facts).seen
        == "authorizer other allows everything"
    )


@pytest.mark.parametrize(("version", "allowed", "status"), [
    ("33.0.0", None, Status.PASS), ("34.0.0", "true", Status.PASS), ("36.0.0", "false", Status.FAIL),
])  # fmt: skip
def test_the_opt_in_of_hadoop_tasks(version: str, allowed: str | None, status: Status) -> None:
    facts = propertied(druids(FACTS, version=version), druid__indexer__task__allowHadoopTaskExecution=allowed)
    assert rules.hadoop_tasks_are_allowed(facts.druid, facts).status is status


def test_a_step_needs_no_opt_in_and_no_working_path_of_druid() -> None:
    facts = submitted(druids(FACTS, version="34.0.0"), submission=Submission.EMR_STEP)
    assert rules.hadoop_tasks_are_allowed(facts.druid, facts).status is Status.PASS
    assert rules.intermediate_data_stay_encrypted(facts.druid, facts).status is Status.NOT_APPLICABLE
    msq = submitted(FACTS, engine=Engine.MSQ)
    assert rules.hadoop_tasks_are_allowed(msq.druid, msq).status is Status.NOT_APPLICABLE


def test_a_working_path_on_hdfs_or_in_a_judged_bucket() -> None:
    for path in ("hdfs://nn/tmp", "s3a://drx-phi-111122223333/tmp"):
        facts = propertied(FACTS, druid__indexer__task__hadoopWorkingPath=path)
        assert rules.intermediate_data_stay_encrypted(facts.druid, facts).status is Status.PASS


def test_a_buffer_longer_than_the_night() -> None:
    facts = propertied(druids(FACTS, version="30.0.0"), druid__coordinator__kill__on="true")
    assert rules.unused_segments_outlive_the_night(facts.druid, facts).status is Status.PASS
    odd = propertied(facts, druid__coordinator__kill__on="true", druid__coordinator__kill__bufferPeriod="a month")
    with pytest.raises(UnreadFactError, match="a month"):
        rules.unused_segments_outlive_the_night(odd.druid, odd)
