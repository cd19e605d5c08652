"""One Airflow DAG for each file in ``pipelines/`` (Airflow looks only into files that say both words)."""

from pathlib import Path

from druid_reindex import reindex_dags

HERE = Path(__file__).parent

globals().update(reindex_dags(HERE / "pipelines", configs=HERE.parent / "emr_configs"))
