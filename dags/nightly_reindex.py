"""One Airflow DAG for each file in ``pipelines/`` (Airflow looks only into files that say both words)."""

from pathlib import Path

from druid_reindex import reindex_dag

HERE = Path(__file__).parent

for file in sorted((HERE / "pipelines").glob("*.yaml")):
    globals()[file.stem] = reindex_dag(file, configs=HERE.parent / "emr_configs")
