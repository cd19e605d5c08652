"""``verdict``: the night's last task, red when any task before it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from druid_reindex.errors import NightFailedError
from druid_reindex.operators.night import NightOperator, planned_night

if TYPE_CHECKING:
    from airflow.sdk import Context

_FAILED = {"failed", "upstream_failed"}


class NightVerdictOperator(NightOperator):
    """The DagRun's colour: a leaf that runs whatever happened would turn a failed night green, so it looks back.

    Returns ``status`` ("rebuilt" or "nothing to do") and ``explanation``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"retries": 0})

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Look at every other task of the run. Raises NightFailedError that names those that failed."""
        run = context["dag_run"]
        by_run = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])
        states = {task: str(state) for task, state in by_run.get(run.run_id, {}).items()}
        failed = sorted(task for task, state in states.items() if state in _FAILED)
        if failed:
            raise NightFailedError(
                "finish the night",
                resource=f"{run.dag_id} {run.run_id}",
                came_back=f"these tasks failed: {', '.join(failed)}",
                remedy="open the log of the first of them; after mending the cause, clear it with its downstream tasks",
            )
        night = planned_night(context)
        status = "rebuilt" if night["batches"] else "nothing to do"
        self.log.info("%s: %s", status, night["explanation"])
        return {"status": status, "explanation": night["explanation"]}
