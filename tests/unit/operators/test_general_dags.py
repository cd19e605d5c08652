"""Tests of the boundary in a hand-written DAG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, BaseOperator

from druid_reindex import keep_boundary
from druid_reindex.errors import ConfigurationError

CONFIGS = Path(__file__).parents[3] / "emr_configs"


WAREHOUSE = "redshift://drx.us-east-1:5439"


class CopyOperator(BaseOperator):
    template_fields = ("source", "targets")

    def __init__(self, *, source: Any = "", targets: Any = (), datasource: str = "", aws_conn_id: str = "",
                 **kwargs: Any) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.source, self.targets, self.datasource, self.aws_conn_id = source, targets, datasource, aws_conn_id


def dag(tags: set[str], **arguments: Any) -> DAG:
    with DAG(dag_id="by_hand", schedule=None, tags=tags) as made:
        CopyOperator(task_id="copy", **arguments)
    return made


NAMED = [
    ({"source": "s3://drx-phi-111122223333/druid/segments/x"}, "s3://drx-phi-111122223333"),
    ({"source": "s3a://drx-phi-111122223333/druid"}, "s3://drx-phi-111122223333"),
    ({"source": "s3://drx-phi-111122223333"}, "s3://drx-phi-111122223333"),
    ({"targets": [{"path": "s3://drx-phi-111122223333/runs/1"}]}, "s3://drx-phi-111122223333"),
    ({"aws_conn_id": "aws_phi"}, "connection"),
    ({"datasource": "Patient_vitals"}, "datasource Patient_vitals"),
    ({"outlets": [Asset(name="a", uri="x-druid://datasource/patient_labs")]}, "datasource patient_labs"),
    ({"inlets": [Asset(name="a", uri="druid://datasource/patient_labs")]}, "datasource patient_labs"),
    ({"inlets": [Asset(uri=f"x-{WAREHOUSE}/nights.clinic.patient_snapshot")]}, f"{WAREHOUSE}/nights.clinic"),
]


@pytest.mark.parametrize(("arguments", "named"), NAMED)
def test_a_general_dag_that_names_anything_protected_is_refused(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match="DAG by_hand, task copy") as refused:
        keep_boundary(dag({"general"}, **arguments), configs=CONFIGS)
    assert named in str(refused.value)


@pytest.mark.parametrize(("arguments", "named"), NAMED)
def test_a_protected_dag_may(arguments: dict[str, Any], named: str) -> None:
    keep_boundary(dag({"phi"}, **arguments), configs=CONFIGS)


def test_a_mapped_task_is_looked_at_too() -> None:
    with DAG(dag_id="by_hand", schedule=None) as made:
        CopyOperator.partial(task_id="copy", aws_conn_id="aws_phi").expand(source=["a", "b"])
    with pytest.raises(ConfigurationError, match="connection aws_phi"):
        keep_boundary(made, configs=CONFIGS)


def test_a_general_dag_of_general_data_is_kept() -> None:
    arguments = {"source": "s3://drx-general-111122223333/x", "datasource": "weather", "aws_conn_id": "aws_default"}
    keep_boundary(dag({"general"}, **arguments), configs=CONFIGS)
