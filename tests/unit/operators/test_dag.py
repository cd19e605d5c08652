"""Tests of the DAG of a pipeline."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import TriggerRule
from airflow.sdk.definitions.mappedoperator import MappedOperator

from changed_configs import rewrite
from druid_reindex import reindex_dag, reindex_dags
from druid_reindex.errors import ConfigurationError
from jdbc_source import configs_with_database
from wrong_security import REALM

ROOT = Path(__file__).parents[3]
FILE = ROOT / "dags" / "pipelines" / "patient_vitals.yaml"
CONFIGS = ROOT / "emr_configs"


def test_the_night_is_wired() -> None:
    dag = reindex_dag(FILE, configs=CONFIGS)
    assert dag.dag_id == "nightly_reindex__patient_vitals"
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert {"phi", "druid-reindex", "vitals"} <= set(dag.tags)
    assert dag.doc_md is not None
    down = {task: set(dag.task_dict[task].downstream_task_ids) for task in dag.task_dict}
    assert down["plan"] == {"approve", "reindex"}
    assert down["approve"] == {"cluster_up"}
    assert down["reindex"] == {"cluster_down", "validate"}
    assert down["validate"] == {"rollback"}
    assert down["rollback"] == down["cluster_down"] == {"evidence", "verdict"}
    assert down["evidence"] == {"verdict"}
    assert dag.task_dict["cluster_up"].is_setup
    assert dag.task_dict["cluster_down"].is_teardown
    assert dag.leaves == [dag.task_dict["verdict"]]
    assert {dag.task_dict[t].trigger_rule for t in ("validate", "rollback", "verdict")} == {TriggerRule.ALL_DONE}


def test_a_gated_night_is_judged_first_and_attested_before_data_arrive() -> None:
    dag = reindex_dag(FILE, configs=CONFIGS)
    down = {task: set(dag.task_dict[task].downstream_task_ids) for task in dag.task_dict}
    assert [task.task_id for task in dag.roots] == ["posture"]
    assert down["posture"] == {"plan"}
    assert "attest" in down["cluster_up"]
    assert down["attest"] == {"reindex"}
    assert dag.leaves == [dag.task_dict["verdict"]]
    for task in ("posture", "attest"):
        assert (dag.task_dict[task].pool, dag.task_dict[task].queue) == ("druid_reindex_phi", "phi")


DAILY = FILE.read_text().replace("query: MINUTE", "query: DAY")
MOVING = """
unloads:
  - {name: claims, sql: unload/patient_claims.sql, format: json, compression: bzip2}
  - {name: devices, sql: unload/patient_claims.sql}
loads:
  - name: snapshot
    table: clinic.snapshot
    columns: [day, patient_token, events]
    sources: {day: __time}
    mode: merge
    keys: [day]
    format: json
    sql: load/patient_snapshot.sql
"""


def test_tables_are_moved_before_the_cluster_and_after_validation(tmp_path: Path) -> None:
    file = tmp_path / FILE.name
    file.write_text(DAILY + MOVING)
    dag = reindex_dag(file, configs=CONFIGS)
    down = {task: set(dag.task_dict[task].downstream_task_ids) for task in dag.task_dict}
    assert down["approve"] == {"unload_claims", "unload_devices", "cluster_up"}
    assert down["unload_claims"] == down["unload_devices"] == {"cluster_up"}
    assert down["validate"] == {"load_snapshot", "rollback"}
    assert down["load_snapshot"] == {"evidence", "verdict"}
    assert down["reindex"] == {"export_snapshot", "cluster_down", "validate"}
    assert down["export_snapshot"] == {"cluster_down", "load_snapshot"}
    assert dag.task_dict["cluster_down"].is_teardown
    assert dag.leaves == [dag.task_dict["verdict"]]
    for task in ("unload_claims", "load_snapshot"):
        assert (dag.task_dict[task].pool, dag.task_dict[task].queue) == ("druid_reindex_phi", "phi")
        assert dag.task_dict[task].trigger_rule == TriggerRule.ALL_SUCCESS


def test_identifiers_become_tokens_once_the_cluster_is_attested_and_before_a_rebuild(tmp_path: Path) -> None:
    file = tmp_path / FILE.name
    tokens = "tokens: [{column: patient_id, kind: patient, name: patient_token}]"
    moving = MOVING.replace("compression: bzip2}", f"compression: bzip2, {tokens}}}")
    file.write_text(DAILY + moving + f"token_key: {{secret_id: a/key, version_id: {'a' * 32}}}\n")
    dag = reindex_dag(file, configs=CONFIGS)
    down = {task: set(dag.task_dict[task].downstream_task_ids) for task in dag.task_dict}
    assert {"prepare_claims", "reindex"} <= down["attest"]
    assert down["prepare_claims"] == {"reindex"}
    assert "prepare_devices" not in down


DATABASE = """
unloads:
  - name: visits
    jdbc: {database: ehr, table: clinic.visits, columns: [id, patient_id]}
    format: json
    compression: bzip2
"""


def test_a_database_is_unloaded_by_the_attested_cluster_before_tokens_and_rebuild(tmp_path: Path) -> None:
    configs, file = configs_with_database(tmp_path), tmp_path / FILE.name
    tokens = "    tokens: [{column: patient_id, kind: patient, name: patient_token}]\n"
    file.write_text(DAILY + DATABASE + tokens + f"token_key: {{secret_id: a/key, version_id: {'a' * 32}}}\n")
    dag = reindex_dag(file, configs=configs)
    down = {task: set(dag.task_dict[task].downstream_task_ids) for task in dag.task_dict}
    assert down["approve"] == {"cluster_up"}
    assert {"unload_visits", "reindex"} <= down["attest"]
    assert down["unload_visits"] == {"prepare_visits", "reindex"}
    assert down["prepare_visits"] == {"reindex"}


def test_a_ca_that_is_not_there_is_an_import_error_with_its_line(tmp_path: Path) -> None:
    configs, file = configs_with_database(tmp_path), tmp_path / FILE.name
    file.write_text(DAILY + DATABASE)
    (configs / "databases/ehr_ca.pem").unlink()
    with pytest.raises(ConfigurationError, match=r": unloads\[0\]\.jdbc\.database.*there is no such file"):
        reindex_dag(file, configs=configs)


def test_the_sql_of_a_dag_is_rendered_with_values_quoted(tmp_path: Path) -> None:
    file = tmp_path / FILE.name
    file.write_text(DAILY + MOVING)
    environment = reindex_dag(file, configs=CONFIGS).get_template_env()
    assert "FROM billing.claims" in environment.get_template("unload/patient_claims.sql").render()
    text = environment.from_string("SELECT {{ ward | identifier }} = {{ name | literal }}")
    assert text.render(ward="ward", name="O'Brien") == """SELECT "ward" = 'O''Brien'"""


def test_a_file_of_sql_that_is_not_there_is_an_import_error_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / FILE.name
    file.write_text(DAILY + MOVING.replace("sql: unload/patient_claims.sql}", "sql: unload/claim.sql}"))
    line = file.read_text().splitlines().index("  - {name: devices, sql: unload/claim.sql}") + 1
    with pytest.raises(ConfigurationError, match=rf":{line}: unloads\[1\]\.sql.*write one of unload/patient_claims"):
        reindex_dag(file, configs=CONFIGS)


def test_owner_pool_and_queue_of_every_task() -> None:
    tasks = reindex_dag(FILE, configs=CONFIGS).task_dict.values()
    assert {task.owner for task in tasks} == {"clinical-data"}
    assert {task.pool for task in tasks} == {"druid_reindex_phi"}
    assert {task.queue for task in tasks} == {"phi"}
    assert {task.retries for task in tasks if task.task_id != "verdict"} == {2}


def test_each_task_says_what_it_does_and_shows_the_night_it_belongs_to() -> None:
    for task in reindex_dag(FILE, configs=CONFIGS).task_dict.values():
        doc = task.partial_kwargs["doc_md"] if isinstance(task, MappedOperator) else task.doc_md
        assert len(doc) > 60
        assert ":param" not in doc
        assert "night" in task.template_fields or task.task_id == "approve"


def test_a_pipeline_with_an_hour_has_a_deadline(tmp_path: Path) -> None:
    assert not reindex_dag(FILE, configs=CONFIGS).deadline
    file = tmp_path / "patient_vitals.yaml"
    file.write_text(FILE.read_text() + "policy: {finish_within_hours: 4}\n")
    (alert,) = reindex_dag(file, configs=CONFIGS).deadline
    assert alert.interval == timedelta(hours=4)


def test_no_cron_no_schedule(tmp_path: Path) -> None:
    file = tmp_path / "patient_vitals.yaml"
    file.write_text(FILE.read_text().replace('cron: "30 2 * * *"', "cron: null"))
    assert reindex_dag(file, configs=CONFIGS).schedule is None


def test_a_wrong_file_names_itself_and_the_line(tmp_path: Path) -> None:
    file = tmp_path / "patient_vitals.yaml"
    file.write_text(FILE.read_text().replace("segment: DAY", "segment: DAX"))
    with pytest.raises(ConfigurationError, match=r"patient_vitals\.yaml:\d+: granularity\.segment"):
        reindex_dag(file, configs=CONFIGS)


def folder_of(path: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (path / f"{name}.yaml").write_text(text)
    return path


def test_a_folder_gives_one_dag_for_each_file(tmp_path: Path) -> None:
    text = FILE.read_text()
    two = text.replace("datasource: patient_vitals", "datasource: patient_labs")
    dags = reindex_dags(folder_of(tmp_path, patient_vitals=text, patient_labs=two), configs=CONFIGS)
    assert {name: dag.dag_id for name, dag in dags.items()} == {
        "patient_vitals": "nightly_reindex__patient_vitals",
        "patient_labs": "nightly_reindex__patient_labs",
    }


def test_all_wrong_files_are_told_at_once(tmp_path: Path) -> None:
    text = FILE.read_text()
    folder_of(tmp_path, a=text.replace("segment: DAY", "segment: DAX"), b=text, c=text.replace("owner:", "onwer:"))
    with pytest.raises(ConfigurationError) as refused:
        reindex_dags(tmp_path, configs=CONFIGS)
    said = str(refused.value)
    assert "a.yaml" in said
    assert "granularity.segment" in said
    assert "c.yaml" in said
    assert "onwer" in said
    assert "b.yaml" not in said


def test_two_files_of_one_datasource_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, a=FILE.read_text(), b=FILE.read_text())
    with pytest.raises(
        ConfigurationError, match=r"b\.yaml: .*a\.yaml is a pipeline of the datasource patient_vitals too"
    ):
        reindex_dags(tmp_path, configs=CONFIGS)


GROUPED = FILE.read_text().replace("cluster:\n  profile: secure", "cluster:\n  profile: secure\n  group: nightly")
LABS = GROUPED.replace("datasource: patient_vitals", "datasource: patient_labs")


def trusting(configs: Path) -> None:
    """The profile `secure` with a dedicated KDC and a trust, on which either submission works, on either side."""
    rewrite(configs / "profiles" / "secure.yaml", {"security": "dedicated_kdc"})
    rewrite(configs / "security" / "dedicated_kdc.yaml", {"kerberos.cross_realm_trust": True})
    sides = {f"{side}.kerberos.trusted_realm": REALM for side in ("phi", "general")}
    rewrite(configs / "boundaries.yaml", sides)


def test_pipelines_that_are_alike_may_share_a_cluster(tmp_path: Path) -> None:
    assert "group: nightly" in GROUPED
    assert len(reindex_dags(folder_of(tmp_path, a=GROUPED, b=LABS), configs=CONFIGS)) == 2


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("profile: secure", "profile: big", "here cluster.profile big, there secure"),
        ("classification: phi", "classification: general", "here classification general, there phi"),
        ("submit: overlord", "submit: emr_step", "here submit emr_step, there overlord"),
        ("\nowner:", "\nconnections: {aws: another}\nowner:", "here connections.aws another, there the boundary's"),
    ],
)
def test_pipelines_of_one_group_that_differ_are_refused(tmp_path: Path, ours: str, theirs: str, told: str) -> None:
    configs = tmp_path / "emr_configs"
    shutil.copytree(CONFIGS, configs)
    trusting(configs)
    big = (configs / "profiles" / "secure.yaml").read_text().replace("name: secure", "name: big")
    (configs / "profiles" / "big.yaml").write_text(big)
    other = LABS.replace(ours, theirs)
    if "general" in theirs:
        other = other.replace("patient_labs", "clinics").replace("s3://drx-phi-", "s3://drx-general-")
    assert other != LABS
    folder = tmp_path / "pipelines"
    folder.mkdir()
    with pytest.raises(ConfigurationError) as refused:
        reindex_dags(folder_of(folder, a=GROUPED, b=other), configs=configs)
    said = str(refused.value)
    assert told in said
    assert "b.yaml" in said
    assert "a.yaml names the cluster group nightly too" in said
    alone = other.replace("group: nightly", "group: another")
    assert len(reindex_dags(folder_of(folder, b=alone), configs=configs)) == 2


@pytest.mark.parametrize("pipeline", ["patient_vitals", "patient_snapshot"])
def test_a_night_leaves_evidence_after_all_else_and_before_its_verdict(tmp_path: Path, pipeline: str) -> None:
    dag = reindex_dag(FILE.with_name(f"{pipeline}.yaml"), configs=CONFIGS)
    evidence = dag.task_dict["evidence"]
    assert evidence.trigger_rule is TriggerRule.ALL_DONE
    assert evidence.downstream_task_ids == {"verdict"}
    assert dag.leaves == [dag.task_dict["verdict"]]
    before = evidence.get_flat_relative_ids(upstream=True)
    assert before == set(dag.task_dict) - {"evidence", "verdict"}
    assert (evidence.pool, evidence.queue) == ("druid_reindex_phi", "phi")


def test_without_a_place_for_evidence_there_is_no_such_task(tmp_path: Path) -> None:
    for name in ("dags", "emr_configs", "sql"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    rewrite(tmp_path / "emr_configs" / "boundaries.yaml", {"phi.evidence": None})
    dag = reindex_dag(tmp_path / "dags" / "pipelines" / FILE.name, configs=tmp_path / "emr_configs")
    assert "evidence" not in dag.task_dict
    assert dag.leaves == [dag.task_dict["verdict"]]
