"""``druid-reindex aws-smoke``: one synthetic night in your account, agreed to by its price, taken away at its end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from druid_reindex.cli.certificates import zip_uri
from druid_reindex.cli.doctor_judge import same_account
from druid_reindex.cli.nights import CONFIGS, ConfigsOption, Desk, airflow_api
from druid_reindex.cli.runs import abort_run
from druid_reindex.clients.night_runs import NightRuns
from druid_reindex.clients.night_summary import Summary, summarise
from druid_reindex.clients.smoke import SmokeGround
from druid_reindex.errors import ConflictError, DruidReindexError, NotFoundError, RefusedError
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.config_files import load_shape
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.prices import load_prices
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.plan import smoke
from druid_reindex.plan.pairing import refuse_pairing
from druid_reindex.plan.security import needed, needs_certificates

REASON = "a synthetic night of aws-smoke"
ENDING_SECONDS = smoke.ENDING / timedelta(seconds=1)
INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
console = Console(stderr=True, highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("aws-smoke")(aws_smoke)


def aws_smoke(
    file: Annotated[
        Path, typer.Argument(metavar="PIPELINE", help="Your pipeline, for a *_smoke datasource.", dir_okay=False)
    ],
    limit_minutes: Annotated[int, typer.Option(min=10, help="How long the night may take before it is stopped.")] = 90,
    summary: Annotated[Path, typer.Option(help="Where the night's JSON is written.", dir_okay=False)] = Path(
        "aws-smoke.json"
    ),
    configs: ConfigsOption = CONFIGS,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree to the price and to what stays, as they are shown; for programs.")
    ] = False,
) -> None:
    """Run one night on made-up rows through your own pipeline, cluster profile and account, and take all of it away.

    PIPELINE is a copy of your file for an empty datasource whose name ends in _smoke, without a schedule, and known to
    Airflow. First shows what the cluster costs at most, and asks. Whatever happens then, Ctrl-C and SIGTERM included,
    the run, its cluster and its tasks are ended, and the datasource's segments and the run's files deleted; so is the
    security configuration, if this night made it. Certificates, EMR's logs and the journal of what ended it stay, and
    where the boundary keeps evidence, so does the night's pack: it is locked, which is said before anybody agrees.

    Finds Airflow, Druid and AWS as `druid-reindex abort` and `druid-reindex doctor` do. Exit 0 when the night rebuilt
    its segments and nothing is left, 130 when it was interrupted, else 1.
    """
    trial = Trial.read(file, configs)
    _agree(trial, timedelta(minutes=limit_minutes), yes=yes)
    with trial.desk.sources() as sources:
        trial.ground = SmokeGround(
            trial.pipeline,
            trial.desk.boundary(trial.pipeline),
            smoke.window(trial.pipeline, datetime.now(UTC)),
            f"{datetime.now(UTC):%Y%m%dT%H%M%S}",
            sources.druid(),
            sources.emr(),
            sources.store(),
            _report,
        )
        told, interrupted, left = _carried_out(trial, limit_minutes * 60.0)
    if told is not None:
        told.write(summary)
        Console(highlight=False, soft_wrap=True).print(told.table())
        typer.echo(f"summary: {summary}")
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(0 if told is not None and told.status == "rebuilt" and not left else 1)


@dataclass
class Trial:
    """One synthetic night: what it is of, and what is known of it so far."""

    desk: Desk
    pipeline: Pipeline
    profile: ClusterProfile
    security: ClusterSecurity | None
    run_id: str | None = None
    was_paused: bool = False
    configurations: tuple[str, ...] = ()
    ground: SmokeGround = field(init=False)

    @classmethod
    def read(cls, file: Path, configs: Path) -> Trial:
        """The trial of the pipeline in ``file``. Raises ConfigurationError for one that no synthetic night may use."""
        desk = Desk(file.parent, configs)
        pipeline = load_pipeline(file, desk.boundaries)
        profile, security = load_shape(configs, pipeline.cluster.profile)
        refuse_pairing(pipeline, desk.boundaries, profile, security, file=file)
        smoke.refuse_unfit(pipeline)
        return cls(desk, pipeline, profile, security)

    def prepare(self) -> None:
        """Look at what is there before anything is made. Raises when the night would meet something else."""
        with airflow_api() as api:
            dag = api.dag(self.pipeline.dag_id)
            if dag is None:
                raise NotFoundError(
                    "run a synthetic night",
                    resource=f"DAG {self.pipeline.dag_id}",
                    came_back="Airflow does not know it",
                    remedy="put the pipeline's file where Airflow reads your pipelines, and wait until it is parsed",
                )
            if live := [run.run_id for run in api.live_runs(self.pipeline.dag_id)]:
                raise ConflictError(
                    "run a synthetic night",
                    resource=f"DAG {self.pipeline.dag_id}",
                    came_back=f"these runs are live: {', '.join(live)}",
                    remedy="wait for them, or stop them with druid-reindex abort",
                )
            self.was_paused = bool(dag.get("is_paused"))
        self.ground.refuse_if_used()
        self.configurations = tuple(self.ground.emr.security_configuration_names())

    def night(self, limit_seconds: float) -> Summary:
        """What the night did. Raises DeadlineError after ``limit_seconds``."""
        self.ground.fill()
        with airflow_api() as api:
            asked = {"interval": str(self.ground.interval), "reason": REASON, "force": True}
            runs = NightRuns(api, self.pipeline.dag_id, _report, asked)
            self.run_id = runs.start()
            runs.follow(self.run_id, limit_seconds=limit_seconds)
            return summarise(api, self.pipeline.dag_id, self.run_id)

    def tear_down(self) -> list[str]:
        """What could not be taken away, each with its reason; every step is tried, whatever became of those before."""
        steps = (self._end_runs, self.ground.empty, self._delete_files, self._delete_configuration, self._pause)
        left = []
        for step in steps:
            try:
                step()
            except DruidReindexError as error:
                left.append(str(error))
        return left

    def _end_runs(self) -> None:
        """End the night's run; one that was started while nobody heard its name is found by being the only one."""
        if self.run_id is None:
            with airflow_api() as api:
                self.run_id = next((run.run_id for run in api.live_runs(self.pipeline.dag_id)), None)
        if self.run_id is not None:
            abort_run(self.desk, self.run_id, self.pipeline.dag_id, reason=REASON, wait_seconds=ENDING_SECONDS)

    def _delete_files(self) -> None:
        if self.run_id is not None:
            deployment_id = self.desk.boundaries.deployment_id
            self.ground.delete_files(RunId.of(deployment_id, dag_id=self.pipeline.dag_id, run_id=self.run_id))

    def _delete_configuration(self) -> None:
        if self.security is None:
            return
        kind, boundaries = self.pipeline.classification, self.desk.boundaries
        pem = (
            zip_uri(self.ground.store, boundaries, kind, self.profile.name)
            if needs_certificates(self.security)
            else None
        )
        wanted = needed(self.security, boundaries.of(kind), pem)
        self.ground.delete_configuration(wanted.name, self.configurations)

    def _pause(self) -> None:
        if self.was_paused:
            with airflow_api() as api:
                api.pause(self.pipeline.dag_id)


def _agree(trial: Trial, limit: timedelta, *, yes: bool) -> None:
    """Return once somebody has agreed to the price and to what stays. Raises RefusedError when nobody does."""
    most = smoke.ceiling(trial.profile, load_prices(trial.desk.configs), limit)
    account = account_of(trial)
    typer.echo(f"account   {account}, {trial.desk.boundaries.region}")
    typer.echo(f"night     {trial.pipeline.datasource} on profile {trial.profile.name}, made-up rows alone")
    typer.echo(f"price     {most}")
    if pack := smoke.staying(trial.desk.boundary(trial.pipeline).evidence, datetime.now(UTC)):
        typer.echo(f"stays     {pack}")
    if yes:
        return
    answer = console.input("Type yes to go on: ") if console.is_terminal else ""
    if answer.strip().lower() != "yes":
        raise RefusedError(
            "run a synthetic night",
            resource=account,
            came_back="nobody agreed to the price",
            remedy="type yes when you are asked, or give --yes; nothing was started",
        )


def account_of(trial: Trial) -> str:
    """The account that pays. Raises RefusedError when it is not the data's."""
    from druid_reindex.clients.session import build_session  # noqa: PLC0415  # boto3 is slow to import
    from druid_reindex.clients.survey import AwsSurvey  # noqa: PLC0415

    identity = AwsSurvey(build_session(region=trial.desk.boundaries.region)).identity()
    outcome = same_account(identity, trial.desk.boundary(trial.pipeline))
    if outcome.remedy:
        raise RefusedError(
            "run a synthetic night", resource=identity.account, came_back=outcome.found, remedy=outcome.remedy
        )
    return identity.account


def _carried_out(trial: Trial, limit_seconds: float) -> tuple[Summary | None, bool, list[str]]:
    """What the night told, whether it was interrupted, and what is left of it."""
    trial.prepare()
    told, interrupted = None, False
    with _interruptions() as shield:
        try:
            told = trial.night(limit_seconds)
        except KeyboardInterrupt:
            interrupted = True
        except DruidReindexError as error:
            console.print(str(error), markup=False, style="red")
        finally:
            shield()
            console.print("  taking everything away: do not stop this, the cluster is paid for until it has ended")
            left = trial.tear_down()
            for each in left:
                console.print(f"LEFT: {each}", markup=False, style="red")
    return told, interrupted, left


@contextmanager
def _interruptions() -> Iterator[Callable[[], None]]:
    """Yield what shields the rest of the block: the first signal before that interrupts, no other one does."""
    shielded = False

    def shield() -> None:
        nonlocal shielded
        shielded = True

    def hear(_number: int, _frame: FrameType | None) -> None:
        if shielded:
            console.print("  taking everything away already: wait for it")
            return
        shield()
        raise KeyboardInterrupt

    before = {each: signal.signal(each, hear) for each in _SIGNALS}
    try:
        yield shield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _report(line: str) -> None:
    console.print(f"  {line}", markup=False)
