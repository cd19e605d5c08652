"""``plan``: reads Druid's timeline, decides, and stores the plan whose digest every later task checks.

What only a running task needs is imported inside its methods: a DAG file is parsed without it.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.identity import digest
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import links
from druid_reindex.operators.night import NIGHT_KEY, NightOperator
from druid_reindex.operators.request import NightRequest, night_request
from druid_reindex.plan import document, names
from druid_reindex.plan.night import Batch, NightPlan

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.identity import RunId
    from druid_reindex.model.interval import Interval


class PlanNightOperator(NightOperator):
    """Decides which time chunks the night rebuilds, and stores the plan in S3, with a page for people beside it.

    Returns the numbers of the batches, over which ``reindex`` is mapped; none in a dry run. Its XCom ``night`` holds

    - ``fence``: that of the lease under which the night is planned; None in a dry run, which takes none;
    - ``run_id``, ``plan_uri``, ``plan_sha256``, ``page_uri``, ``explanation``;
    - ``batches`` that run, and ``planned_batches`` that would without a dry run; of these ``chunks``,
      ``segments_before`` and ``rows_before``;
    - ``dry_run``, ``force``, ``window``, ``reason``, ``engine`` and ``profile``, as the run asked for;
    - ``estimate`` (``read_bytes``, ``instance_hours``, ``cost_usd``, ``unknown``) and ``over_limits``, a sentence each.
    """

    operator_extra_links = links.PLAN_LINKS

    def carry_out(self, context: Context) -> list[int]:
        """Plan the night."""
        from druid_reindex.plan.planner import plan_night  # noqa: PLC0415

        run_id = self.run_identity(context)
        asked = night_request(context["dag_run"], self.settings.pipeline, self.settings.profiles)
        self.druid.check_engine(asked.engine)
        fence = None if asked.dry_run else self.take(context)
        forced = (asked.window,) if asked.force else ()
        plan = plan_night(self.settings.pipeline, self._segments(asked.window), asked.window, forced)
        chosen = _chosen(plan, asked.batches)
        self.require()
        told = {"fence": fence} | self._stored(run_id, plan) | self._judged(plan, chosen, asked) | _as_asked(asked)
        told["page_uri"] = self._shown(run_id, told, chosen)
        links.tell_plan(context, self.settings, S3Uri.parse(told["page_uri"]))
        self.log.info("%s; %s", told["explanation"], told["page_uri"])
        context["ti"].xcom_push(NIGHT_KEY, told)
        batches: list[int] = told["batches"]
        return batches

    def _segments(self, interval: Interval) -> list[Segment]:
        datasource = self.settings.pipeline.datasource
        rows = self.druid.segment_rows(datasource, [interval])
        found = self.druid.used_segments(datasource, [interval])
        return [replace(segment, num_rows=rows.get(segment.segment_id)) for segment in found]

    def _stored(self, run_id: RunId, plan: NightPlan) -> dict[str, Any]:
        from druid_reindex.plan.orphans import owner_document  # noqa: PLC0415

        body = document.to_json(plan)
        uri = names.plan_uri(self.settings.boundary, run_id)
        owner = owner_document(run_id, self.settings.boundaries.deployment_id)
        self.put_json(names.owner_uri(self.settings.boundary, run_id), owner)
        self.store.put(uri, body, kms_key_arn=self.settings.boundary.kms_key_arn)
        return {"run_id": str(run_id), "plan_uri": str(uri), "plan_sha256": digest(body)}

    def _judged(self, plan: NightPlan, chosen: list[Batch], asked: NightRequest) -> dict[str, Any]:
        """What the chosen batches are, what they are expected to take, and the limits that they pass."""
        from druid_reindex.model.prices import load_prices  # noqa: PLC0415
        from druid_reindex.plan.estimate import estimate_night, over_limits  # noqa: PLC0415

        profile = self.settings.on_profile(asked.profile).profile
        estimate = estimate_night(chosen, profile, load_prices(self.settings.configs))
        counts = summary(chosen)
        return counts | {
            "batches": [] if asked.dry_run else counts["planned_batches"],
            "explanation": f"dry run: {plan.explanation}" if asked.dry_run else plan.explanation,
            "estimate": asdict(estimate),
            "over_limits": [*over_limits(self.settings.pipeline.policy, counts["chunks"], estimate)],
        }

    def _shown(self, run_id: RunId, told: dict[str, Any], chosen: list[Batch]) -> str:
        """The address of the page, once it is stored."""
        from druid_reindex.plan.estimate import Estimate  # noqa: PLC0415
        from druid_reindex.plan.page import PlanPage, plan_page  # noqa: PLC0415

        shown = ("run_id", "window", "reason", "force", "dry_run", "engine", "profile", "plan_uri", "plan_sha256")
        page = PlanPage(
            title=f"Plan of {self.settings.pipeline.datasource}",
            explanation=told["explanation"],
            facts={name.replace("_", " "): str(told[name]) for name in shown if told[name] is not None},
            batches=chosen,
            estimate=Estimate(**told["estimate"]),
            over_limits=told["over_limits"],
        )
        uri = names.plan_page_uri(self.settings.boundary, run_id)
        self.store.put(uri, plan_page(page), kms_key_arn=self.settings.boundary.kms_key_arn)
        return str(uri)


def summary(batches: list[Batch]) -> dict[str, Any]:
    """What the rest of the night, and its readers, need of ``batches``."""
    chunks = [chunk for batch in batches for chunk in batch.chunks]
    return {
        "planned_batches": [batch.number for batch in batches],
        "chunks": len(chunks),
        "segments_before": sum(len(chunk.segments) for chunk in chunks),
        "rows_before": sum(chunk.num_rows or 0 for chunk in chunks),
    }


def _as_asked(asked: NightRequest) -> dict[str, Any]:
    return {
        "window": str(asked.window),
        "force": asked.force,
        "dry_run": asked.dry_run,
        "engine": asked.engine.value,
        "profile": asked.profile,
        "reason": asked.reason,
    }


def _chosen(plan: NightPlan, numbers: tuple[int, ...] | None) -> list[Batch]:
    """The batches of ``numbers``, all for None. Raises ConfigurationError when the plan has no such batch."""
    known = [batch.number for batch in plan.batches]
    unknown = sorted(set(numbers or ()) - set(known))
    if unknown and known:
        raise ConfigurationError(
            "choose the batches of the plan",
            resource=f"{plan.datasource} batches {unknown}",
            came_back=f"the plan has {known}",
            remedy="start a new run with these numbers, or without batches for all; a dry run shows what each holds",
        )
    return [batch for batch in plan.batches if numbers is None or batch.number in numbers]
