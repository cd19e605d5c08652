"""What the user of Airflow's connection may do in Druid."""

from __future__ import annotations

import re

import pytest

from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.plan.druid_access import Grant, api_user, touched


def test_a_user_reads_and_writes_its_datasources_and_reads_state() -> None:
    user = api_user(Classification.PHI, ["patient_vitals", "patient_labs", "patient_vitals"])
    assert (user.name, user.role) == ("airflow_phi", "druid_reindex_phi")
    writes = [grant for grant in user.grants if grant.action == "WRITE"]
    assert writes == [
        Grant("DATASOURCE", "patient_labs", "WRITE"),
        Grant("DATASOURCE", "patient_vitals", "WRITE"),
    ]
    assert {grant.kind for grant in user.grants if grant.action == "READ"} == {
        "CONFIG",
        "DATASOURCE",
        "STATE",
        "SYSTEM_TABLE",
    }
    assert user.grants == tuple(sorted(user.grants))


def test_what_is_read_is_touched_as_what_is_written() -> None:
    labs = {"owner": "o", "description": "d", "classification": "phi", "dimensions": ["code"]}
    snapshot = labs | {"inputs": [{"type": "datasource", "datasource": "patient_labs"}]}
    pipelines = [
        Pipeline.model_validate(labs | {"datasource": "patient_vitals"}),
        Pipeline.model_validate(snapshot | {"datasource": "patient_snapshot"}),
    ]
    assert touched(pipelines) == ("patient_labs", "patient_snapshot", "patient_vitals")


def test_the_order_of_the_files_makes_no_difference() -> None:
    there, back = (api_user(Classification.GENERAL, names, name="nights") for names in (["a", "b"], ["b", "a"]))
    assert there == back
    assert there.name == "nights"


@pytest.mark.parametrize("name", ["patient.vitals", "a+b", "x y", "p|q", "{a}", "(a)", "a*"])
def test_a_datasource_is_a_name_and_no_pattern(name: str) -> None:
    (granted,) = {grant.name for grant in api_user(Classification.PHI, [name]).grants if grant.kind == "DATASOURCE"}
    assert re.fullmatch(granted, name)
    assert not re.fullmatch(granted, name.replace(name[1], "zz", 1))


def test_a_permission_has_druids_form() -> None:
    assert Grant("DATASOURCE", "vitals", "READ").as_json() == {
        "resource": {"name": "vitals", "type": "DATASOURCE"},
        "action": "READ",
    }
