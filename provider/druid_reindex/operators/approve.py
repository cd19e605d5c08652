"""``approve``: a person decides about a night that passes a limit of its pipeline's policy; any other goes on at once.

Waiting for the answer holds no worker slot and no trigger: Airflow parks the task as ``awaiting_input``.
Source: https://airflow.apache.org/docs/apache-airflow-providers-standard/stable/operators/hitl.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLRejectException, HITLTimeoutError
from airflow.providers.standard.operators.hitl import ApprovalOperator

from druid_reindex.errors import DruidReindexError, NotApprovedError
from druid_reindex.operators.night import as_airflow, planned_night, task_docs
from druid_reindex.operators.settings import NightSettings

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE_TASK = "approve"


class ApproveNightOperator(ApprovalOperator):
    """Succeeds when the night passes no limit, or when a person approves it; else fails for good, nothing launched.

    The answer is waited for as long as the pipeline's night may last. Returns ``asked`` and ``over_limits``, and of an
    approval ``approved_by`` and ``approved_at``.

    :param settings: the pipeline, its boundary and its cluster profile
    """

    def __init__(self, *, settings: NightSettings, **kwargs: Any) -> None:
        kwargs.setdefault("pool", settings.boundary.pool)
        kwargs.setdefault("queue", settings.boundary.queue)
        kwargs.setdefault("retries", settings.pipeline.policy.retries)
        kwargs.setdefault("doc_md", task_docs(type(self)))
        kwargs.setdefault("response_timeout", timedelta(hours=settings.pipeline.policy.max_night_hours))
        super().__init__(
            subject=f"Rebuild {settings.pipeline.datasource} beyond the limits of its policy?",
            fail_on_reject=True,
            **kwargs,
        )
        self.settings = settings
        if self.has_dag():  # type: ignore[no-untyped-call]
            settings.refuse_general_dag(set(self.dag.tags), self.task_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask when a limit is passed."""
        try:
            night = planned_night(context)
        except DruidReindexError as error:
            raise as_airflow(error) from error
        if night["batches"] and night["over_limits"]:
            self.subject, self.body = question(self.settings, night)
            super().execute(context)
        return {"asked": False, "over_limits": []}

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on when the answer is Approve. A rejection, or no answer in time, is not tried again."""
        night = planned_night(context)
        try:
            answer = super().execute_complete(context, event)
        except (HITLRejectException, HITLTimeoutError) as refused:
            who = (event.get("responded_by_user") or {}).get("name", "a person")
            late = isinstance(refused, HITLTimeoutError)
            raise as_airflow(
                NotApprovedError(
                    "approve the night",
                    resource=f"{self.settings.pipeline.datasource} {night['window']}",
                    came_back=f"{'nobody answered in time' if late else f'{who} rejected it'}: "
                    + "; ".join(night["over_limits"]),
                    remedy="nothing was launched; start a new run with a smaller interval or fewer batches, "
                    "or raise the limit in the pipeline's policy",
                )
            ) from refused
        user = answer["responded_by_user"] or {}
        return {
            "asked": True,
            "over_limits": night["over_limits"],
            "approved_by": user.get("name"),
            "approved_at": answer["responded_at"].isoformat(),
        }


def question(settings: NightSettings, night: dict[str, Any]) -> tuple[str, str]:
    """The subject and the body (Markdown) of what a person is asked about ``night``."""
    estimate = night["estimate"]
    subject = f"Rebuild {night['chunks']:,} time chunks of {settings.pipeline.datasource}?"
    lines = [
        *(f"- **{limit}**" for limit in night["over_limits"]),
        "",
        night["explanation"],
        "",
        f"- window: {night['window']}, reason: {night['reason'] or 'a scheduled night'}",
        f"- {night['segments_before']:,} segments, {night['rows_before']:,} rows, {estimate['read_bytes']:,} bytes",
        f"- {len(night['batches'])} batches on cluster profile {night['profile']}",
        *(
            f"- supervisor {each} is suspended, and resumed when the night is over"
            for each in night.get("suspended", ())
        ),
        f"- estimated instance-hours: {_shown(estimate['instance_hours'])}",
        f"- estimated cost in US dollars: {_shown(estimate['cost_usd'])}",
        f"- the whole plan: `{night['page_uri']}`",
    ]
    return subject, "\n".join(lines)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.2f}"
