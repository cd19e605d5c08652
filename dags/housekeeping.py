"""An hourly Airflow DAG for each side of the boundary (Airflow looks only into files that say both words)."""

from pathlib import Path

from druid_reindex import housekeeping_dags

globals().update(housekeeping_dags(configs=Path(__file__).parents[1] / "emr_configs"))
