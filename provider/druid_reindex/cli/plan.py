"""``druid-reindex plan``: which time chunks tonight's run would rebuild, why, for how long and at what cost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from druid_reindex.cli.journalling import command_journal
from druid_reindex.cli.nights import CONFIGS, PIPELINES, ConfigsOption, Desk, JsonOption, PipelinesOption
from druid_reindex.clients.planning import Planning
from druid_reindex.model.config_files import load_profile
from druid_reindex.model.identity import digest
from druid_reindex.model.interval import Interval, umbrella
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.prices import load_prices
from druid_reindex.model.transfer_rules import read_scripts
from druid_reindex.plan import document
from druid_reindex.plan.estimate import Estimate, estimate_night, over_limits
from druid_reindex.plan.night import NightPlan, counted_reasons
from druid_reindex.plan.rows import MEANINGS, ChunkRow, chunk_rows

_WIDTH_MIN = 100
_UNSEEN = (
    "What changes in the tables of an unload ({names}) alone is not seen before it is unloaded: to rebuild such days, "
    "force their interval."
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(  # noqa: PLR0913  # each is an option of the command
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="A datasource, a pipeline's file or DAG id.")],
    interval: Annotated[
        str | None, typer.Option(metavar="START/END", help="In UTC, such as 2026-09-01/2026-09-08; else the lookback.")
    ] = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    force: Annotated[bool, typer.Option("--force", help="Every chunk of --interval, whatever its state.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also say what each reason means.")] = False,
    as_document: JsonOption = False,
) -> None:
    """Show what a night of PIPELINE would rebuild if it began now; nothing is written, no lease is taken.

    Each time chunk has its row: why it is rebuilt, its size, the segments that it gets, and its share of the
    instance-hours and of the cost, at the prices of emr_configs/prices.yaml. A night asks for approval beyond a limit
    of the pipeline's policy; which it would pass is said here. Exit code 0 also when there is nothing to do.

    Druid is found by DRUID_URL, DRUID_COORDINATOR_URL, DRUID_OVERLORD_URL (and DRUID_USER, DRUID_PASSWORD,
    DRUID_CA_FILE), AWS by boto3's own chain of credentials.
    """
    desk = Desk(pipelines, configs)
    found = _foreseen(desk, desk.pipeline(pipeline), _interval(interval, force=force), force=force)
    if as_document:
        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
        return
    out = Console(highlight=False, width=max(_WIDTH_MIN, Console().width))
    for line in found.lines():
        out.print(line, markup=False, soft_wrap=True)
    if found.rows:
        out.print(found.table())
    for line in found.explained() if explain else ():
        out.print(line, markup=False, soft_wrap=True)


@dataclass(frozen=True)
class Foreseen:
    """What a night would do, and what that is expected to take."""

    pipeline: Pipeline
    window: Interval
    plan: NightPlan
    rows: tuple[ChunkRow, ...]
    estimate: Estimate

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits of the policy that the night would pass."""
        return over_limits(self.pipeline.policy, len(self.rows), self.estimate)

    def as_json(self) -> dict[str, Any]:
        """The whole for a program."""
        return {
            "datasource": self.plan.datasource,
            "window": str(self.window),
            "explanation": self.plan.explained,
            "considered_chunks": self.plan.considered_chunks,
            "reasons": counted_reasons(self.plan.chunks),
            "chunks": [asdict(row) for row in self.rows],
            "stale": [str(chunk) for chunk in self.plan.stale],
            "adopted_chunks": len(self.plan.adopted),
            "estimate": asdict(self.estimate),
            "over_limits": list(self.limits),
            "plan_sha256": digest(document.to_json(self.plan)),
        }

    def lines(self) -> Iterable[str]:
        """What stands above the table."""
        yield f"{self.plan.datasource}: {self.plan.explained}"
        if self.rows:
            told = self.estimate
            hours, cost = _number(told.instance_hours), _number(told.cost_usd)
            yield f"expected in all: {told.read_bytes:,} bytes to read, {hours} instance-hours, {cost} US dollars"
        if self.estimate.unknown:
            yield f"missing for the estimate: {self.estimate.unknown}"
        yield from (f"would wait for approval: {limit}" for limit in self.limits)

    def table(self) -> Table:
        """One row a chunk."""
        right = ("segments", "rows", "bytes", "instance-hours", "US dollars")
        table = Table("batch", "time chunk (UTC)", "why", *(Column(each, justify="right") for each in right))
        for row in self.rows:
            table.add_row(
                str(row.batch), _short(row.interval), ", ".join(row.reasons),
                f"{row.segments_before} → {row.segments_after}", _number(row.rows), f"{row.size_bytes:,}",
                _number(row.instance_hours), _number(row.cost_usd),
            )  # fmt: skip
        return table

    def explained(self) -> Iterable[str]:
        """What stands below the table: the reasons' meanings, what is stale, what is not seen."""
        there = {reason for chunk in self.plan.chunks for reason in chunk.reasons}
        yield from (f"{reason.value}: {meaning}" for reason, meaning in MEANINGS.items() if reason in there)
        if self.plan.adopted:
            adopted = len(self.plan.adopted)
            yield f"{adopted} of unknown origin: a night takes them as the baseline, and sees what changes"
        yield from (f"stale, beyond the window: {_short(str(chunk))}" for chunk in self.plan.stale)
        names = ", ".join(entry.unload for entry in self.pipeline.files if entry.unload)
        if names:
            yield _UNSEEN.format(names=names)


def _foreseen(desk: Desk, pipeline: Pipeline, asked: Interval | None, *, force: bool) -> Foreseen:
    now = datetime.now(UTC).replace(microsecond=0)
    granularity = pipeline.granularity.segment
    window = umbrella(granularity.chunks(asked)) if asked else pipeline.window(now)
    scripts = read_scripts(pipeline, desk.configs.parent / "sql")
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, [desk.boundary(pipeline)], "plan", sources.store, mutates=False),
    ):
        planning = Planning(pipeline, scripts, desk.boundary(pipeline), sources.druid(), sources.store())
        found = planning.decide(window, (window,) if force else ())
    profile, prices = load_profile(desk.configs, pipeline.cluster.profile), load_prices(desk.configs)
    return Foreseen(
        pipeline=pipeline,
        window=window,
        plan=found,
        rows=chunk_rows(found.batches, granularity, profile, prices),
        estimate=estimate_night(found.batches, profile, prices),
    )


def _interval(text: str | None, *, force: bool) -> Interval | None:
    if text is None:
        if force:
            raise typer.BadParameter("--force names no interval: add --interval START/END")
        return None
    try:
        found = Interval.parse(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from wrong
    if found.start == found.end:
        raise typer.BadParameter(f"{text!r} ends where it starts")
    return found


def _short(interval: str) -> str:
    """``interval`` without times of day that are midnight."""
    return interval.replace("T00:00:00.000Z", "")


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,}"
