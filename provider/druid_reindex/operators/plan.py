"""``plan``: reads Druid's timeline, decides, and stores the plan whose digest every later task checks.

What only a running task needs is imported inside its methods: a DAG file is parsed without it.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.identity import digest
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import links
from druid_reindex.operators.alone import await_alone, looked_at
from druid_reindex.operators.night import NIGHT_KEY, NightOperator
from druid_reindex.operators.request import NightRequest, night_request
from druid_reindex.operators.suspending import Suspending
from druid_reindex.plan import document, names
from druid_reindex.plan.night import Batch, NightPlan, counted_reasons

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.clients.planning import Planning
    from druid_reindex.model.identity import RunId
    from druid_reindex.model.interval import Interval


class PlanNightOperator(NightOperator):
    """Decides which time chunks the night rebuilds, and stores the plan in S3, with a page for people beside it.

    Returns the numbers of the batches, over which ``reindex`` is mapped; none in a dry run. Its XCom ``night`` holds

    - ``fence``: that of the lease under which the night is planned; None in a dry run, which takes none;
    - ``looked_at``: the instant from which on nobody else may write what an EMR step rebuilds, but ``others_before``;
    - ``suspended``: the supervisors that are suspended until the night's end;
    - ``purge``: of a run that leaves keys out, the ``uri`` and ``etag`` of their file and the ``column``; else None;
    - ``run_id``, ``plan_uri``, ``plan_sha256``, ``page_uri``, ``explanation``;
    - ``batches`` that run, and ``planned_batches`` that would without a dry run; of these ``chunks``,
      ``segments_before``, ``rows_before``, and ``reasons``, how many chunks for each;
    - ``stale_chunks``: how many beyond the window were built by another definition of the pipeline;
    - ``dry_run``, ``force``, ``window``, ``reason``, ``engine`` and ``profile``, as the run asked for;
    - ``estimate`` (``read_bytes``, ``instance_hours``, ``cost_usd``, ``unknown``) and ``over_limits``, a sentence each.
    """

    operator_extra_links = links.PLAN_LINKS

    def carry_out(self, context: Context) -> list[int]:
        """Plan the night."""
        run_id = self.run_identity(context)
        asked = night_request(context["dag_run"], self.settings.pipeline, self.settings.profiles)
        self.druid.check_engine(asked.engine)
        fence = None if asked.dry_run else self.take(context)
        planning, suspending = self._planning(), Suspending.of(self, run_id, fence)
        keys = self._pinned(asked)
        if keys is not None:
            asked = _of_all(asked, planning.everything())
        plan, start = self._decided(asked, planning, suspending)
        chosen = _chosen(plan, asked.batches)
        self.require()
        if not asked.dry_run:
            planning.adopt(plan)
        told = (
            {"fence": fence, "suspended": list(suspending.held) if suspending else [], "purge": keys, **start}
            | self._stored(run_id, plan)
            | self._judged(plan, chosen, asked)
            | _as_asked(asked)
        )
        told["page_uri"] = self._shown(run_id, told, chosen)
        links.tell_plan(context, self.settings, S3Uri.parse(told["page_uri"]))
        self.log.info("%s; %s", told["explanation"], told["page_uri"])
        context["ti"].xcom_push(NIGHT_KEY, told)
        batches: list[int] = told["batches"]
        return batches

    def _decided(
        self, asked: NightRequest, planning: Planning, suspending: Suspending | None
    ) -> tuple[NightPlan, dict[str, Any]]:
        """The plan, once nobody else writes what it rebuilds; who does is asked before the timeline is read.

        Where supervisors are suspended all is looked at again, once; what runs by then has been resumed by a person.
        """
        for is_last in (False, True):
            writers, start = looked_at(self, asked.window)
            forced = (asked.window,) if asked.force else ()
            plan = planning.decide(asked.window, forced, of_itself=asked.purge is not None)
            chosen = _chosen(plan, asked.batches)
            chunks = [interval for batch in chosen for interval in batch.intervals]
            if suspending is None or is_last or not suspending.makes_way(chunks, writers):
                break
        if chosen and not asked.dry_run:
            await_alone(self, writers)
            if suspending is not None:
                suspending.await_published(writers)
        return plan, start

    def _pinned(self, asked: NightRequest) -> dict[str, str] | None:
        """The file of keys that the run leaves out, as it is now; None for an ordinary night."""
        from druid_reindex.operators.purging import pinned  # noqa: PLC0415

        return pinned(self, asked.purge).to_json() if asked.purge else None

    def _planning(self) -> Planning:
        from druid_reindex.clients.planning import Planning  # noqa: PLC0415

        settings = self.settings
        return Planning(settings.pipeline, settings.scripts, settings.boundary, self.druid, self.store)

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
            "explanation": f"dry run: {plan.explained}" if asked.dry_run else plan.explained,
            "stale_chunks": len(plan.stale),
            "estimate": asdict(estimate),
            "over_limits": [*over_limits(self.settings.pipeline.policy, counts["chunks"], estimate)],
        }

    def _shown(self, run_id: RunId, told: dict[str, Any], chosen: list[Batch]) -> str:
        """The address of the page, once it is stored."""
        from druid_reindex.model.prices import load_prices  # noqa: PLC0415
        from druid_reindex.plan.estimate import Estimate  # noqa: PLC0415
        from druid_reindex.plan.page import PlanPage, plan_page  # noqa: PLC0415
        from druid_reindex.plan.rows import chunk_rows  # noqa: PLC0415

        pipeline, profile = self.settings.pipeline, self.settings.on_profile(told["profile"]).profile

        shown = (
            "run_id", "window", "reason", "force", "dry_run", "engine", "profile", "purge", "plan_uri", "plan_sha256",
        )  # fmt: skip
        page = PlanPage(
            title=f"Plan of {pipeline.datasource}",
            explanation=told["explanation"],
            facts={name.replace("_", " "): str(told[name]) for name in shown if told[name] is not None},
            rows=chunk_rows(chosen, pipeline.granularity.segment, profile, load_prices(self.settings.configs)),
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
        "reasons": counted_reasons(chunks),
    }


def _of_all(asked: NightRequest, everything: Interval | None) -> NightRequest:
    """``asked``, of all that the datasource serves; nothing is forced where it serves nothing."""
    return replace(asked, force=False) if everything is None else replace(asked, window=everything)


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
