"""One Airflow DAG for each side of the boundary that keeps evidence, every half hour.

Airflow looks only into files that say both words.
"""

from pathlib import Path

from druid_reindex import evidence_dags

HERE = Path(__file__).parent

globals().update(evidence_dags(HERE / "pipelines", configs=HERE.parent / "emr_configs"))
