"""``verdict``: the night's last task, red when any task before it failed; it leaves nothing behind that lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from druid_reindex.errors import DruidReindexError, NightFailedError
from druid_reindex.evidence.night_state import ROLLBACK_TASK
from druid_reindex.operators.evidence import EVIDENCE_TASK
from druid_reindex.operators.night import NightOperator, planned, planned_night
from druid_reindex.operators.suspending import suspender_of

if TYPE_CHECKING:
    from airflow.sdk import Context

_FAILED = {"failed", "upstream_failed"}


class NightVerdictOperator(NightOperator):
    """The DagRun's colour: a leaf that runs whatever happened would turn a failed night green, so it looks back.

    Before that it ends what an interrupted night left on Druid and EMR, resumes the supervisors that the night has
    suspended, and gives the datasource's lease back.

    Returns ``status`` ("rebuilt", "nothing to do" or "dry run") and ``explanation``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"retries": 0})

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Look at every other task of the run. Raises NightFailedError that names those that failed."""
        left_over = self._give_back(context)
        failed = _failed_tasks(context)
        if failed:
            run = context["dag_run"]
            raise NightFailedError(
                "finish the night",
                resource=f"{run.dag_id} {run.run_id}",
                came_back=f"these tasks failed: {', '.join(failed)}",
                remedy="open the log of the first of them; after mending the cause, clear it with its downstream tasks",
            )
        if left_over:
            raise left_over
        _refuse_rolled_back(context)
        night = planned_night(context)
        self.log.info("%s: %s", status(night), night["explanation"])
        return {"status": status(night), "explanation": night["explanation"]}

    def _give_back(self, context: Context) -> DruidReindexError | None:
        """Give the lease back once nothing of the run lives; else the error, and the next owner ends what lives.

        Supervisors are resumed only then, for what lives may still replace what they append to; those that are not are
        resumed by the next owner, or by housekeeping.
        """
        try:
            if not planned(context).get("dry_run"):
                run_id = self.run_identity(context)
                self.end(run_id)
                suspender = suspender_of(self, run_id, None)
                if suspender is not None:
                    suspender.resume()
        except DruidReindexError as error:
            self.log.warning("the lease is kept until it expires: %s", error)
            return error
        if unreleased := self.tenure(context).keeper.release():
            self.log.warning("the lease is kept until it expires: %s", unreleased)
        return None


def status(night: dict[str, Any]) -> str:
    """What came of a night in which no task failed."""
    if night["dry_run"]:
        return "dry run"
    return "rebuilt" if night["batches"] else "nothing to do"


def _refuse_rolled_back(context: Context) -> None:
    """A night of which anything was taken back is red, whatever was cleared since."""
    rolled_back = (context["ti"].xcom_pull(task_ids=ROLLBACK_TASK) or {}).get("rolled_back", ())
    if rolled_back:
        run = context["dag_run"]
        raise NightFailedError(
            "finish the night",
            resource=f"{run.dag_id} {run.run_id}",
            came_back=f"{len(rolled_back)} chunks were taken back, and serve what they served before",
            remedy=f"after mending the cause: druid-reindex resume {run.run_id} --dag-id {run.dag_id}",
        )


def _failed_tasks(context: Context) -> list[str]:
    """What failed of the night; its evidence last, so that it hides nothing of what went wrong before."""
    run = context["dag_run"]
    by_run = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])
    failed = [task for task, state in by_run.get(run.run_id, {}).items() if str(state) in _FAILED]
    return sorted(failed, key=lambda task: (task == EVIDENCE_TASK, task))
