"""The running sandbox, and what tests on real engines ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from druid_reindex.clients.druid import DruidClient
from druid_reindex.sandbox.airflow_api import AirflowApi
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.nightly import Night, Patients
from druid_reindex.sandbox.state import Endpoints
from druid_reindex.sandbox.summary import Summary, summarise

ROOT = Path(__file__).parents[1]
PATIENTS = Patients(seed=7, population=8)
VITALS, STEPS = "patient_vitals", "patient_steps"


@dataclass(frozen=True)
class Sandbox:
    """The running sandbox and what tests ask of it."""

    home: SandboxHome
    endpoints: Endpoints
    druid: DruidClient
    api: AirflowApi

    def runs(self, datasource: str) -> Night:
        """The nights of the datasource's pipeline."""
        return Night(self.api, f"nightly_reindex__{datasource}", print)

    def night(self, datasource: str, **conf: object) -> Summary:
        """The summary of one night, green or red."""
        runs = self.runs(datasource)
        run_id = runs.start(conf)
        runs.follow(run_id)
        return summarise(self.api, runs.dag_id, run_id)

    def rows_by_day(self, datasource: str) -> list[dict[str, object]]:
        """Rows and sums per day, by query."""
        return self.druid.query(
            'SELECT TIME_FLOOR("__time", \'P1D\') AS d, COUNT(*) AS n, SUM("events") AS e, '
            'ROUND(SUM("value_sum"), 4) AS v, COUNT(DISTINCT "patient_token") AS p '
            f'FROM "{datasource}" GROUP BY 1 ORDER BY 1'
        )
