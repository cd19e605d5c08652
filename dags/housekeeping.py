"""Two Airflow DAGs for each side of the boundary, an hourly and a daily one.

Airflow looks only into files that say both words.
"""

from pathlib import Path

from druid_reindex import housekeeping_dags, retire_dags

HERE = Path(__file__).parent
CONFIGS = HERE.parent / "emr_configs"

globals().update(housekeeping_dags(configs=CONFIGS) | retire_dags(HERE / "pipelines", configs=CONFIGS))
