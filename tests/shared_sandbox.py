"""One shared sandbox for all tests on real engines, with a population of its own; ended whatever happens."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from canaries import Planted
from druid_reindex.sandbox import airflow, confirmation, nightly, stack, warehouse
from druid_reindex.sandbox.aws.druid_package import publish_druid
from druid_reindex.sandbox.home import CACHE_VARIABLE, HOME_VARIABLE, SandboxHome
from druid_reindex.sandbox.patients import prepare_patients
from real_sandbox import (
    BROKEN_PROFILE,
    LOOSENED_PROFILE,
    LOOSENING_SCRIPT,
    PATIENTS,
    ROOT,
    SMOKE,
    SNAPSHOT,
    STEPS,
    VITALS,
    Sandbox,
    processes,
)

HADOOP_3_4_RELEASE = "emr-7.9.0"
STEPS_LATE_HOURS = 0.005
# What a user adds to the DAG file for a notifier of their own.
NOTIFIED = {
    "from druid_reindex import reindex_dags": "import told_nights\n\nfrom druid_reindex import reindex_dags",
    'configs=HERE.parent / "emr_configs"': 'configs=HERE.parent / "emr_configs", notifiers=[told_nights.CALLBACK]',
}
TOLD_NIGHTS = """\
from pathlib import Path

from airflow.sdk.definitions.callback import SyncCallback


def write_down(context):
    with Path(__file__).with_suffix(".txt").open("a") as file:
        file.write(context["night_state"] + "\\f")


CALLBACK = SyncCallback(write_down)
"""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _dags(folder: Path) -> Path:
    """The checkout's DAGs of nights and of evidence, the pipelines, and the first of these for a second datasource.

    The second one is an EMR step, on a release with Hadoop 3.4, and late after a few seconds; a third, empty, is for a
    synthetic night. A profile more asks for a JVM option that no JVM knows, so that every container of a job dies for
    real; another one runs a script of its own on each node. A notifier writes down what it is told of late and failed
    nights.
    """
    (folder / "dags" / "pipelines").mkdir(parents=True)
    for name in ("emr_configs", "sql"):
        shutil.copytree(ROOT / name, folder / name)
    shipped = (ROOT / "dags" / "nightly_reindex.py").read_text()
    for plain, notified in NOTIFIED.items():
        assert plain in shipped
        shipped = shipped.replace(plain, notified)
    (folder / "dags" / "nightly_reindex.py").write_text(shipped)
    (folder / "dags" / "told_nights.py").write_text(TOLD_NIGHTS)
    shutil.copy(ROOT / "dags" / confirmation.DAG_FILE, folder / "dags")
    shutil.copy(ROOT / "dags" / "pipelines" / f"{SNAPSHOT}.yaml", folder / "dags" / "pipelines")
    vitals = (ROOT / "dags" / "pipelines" / "patient_vitals.yaml").read_text()
    (folder / "dags" / "pipelines" / "patient_vitals.yaml").write_text(vitals)
    steps = vitals.replace("datasource: patient_vitals", "datasource: patient_steps")
    steps = steps.replace("segments/patient_vitals", "segments/patient_steps")
    steps = steps.replace("submit: overlord", "submit: emr_step").replace("profile: secure", "profile: secure_step_3_4")
    assert "profile: secure_step_3_4" in steps
    steps += f"policy: {{finish_within_hours: {STEPS_LATE_HOURS}}}\n"
    profiles = folder / "emr_configs" / "profiles"
    step = (profiles / "secure_step.yaml").read_text()
    (profiles / "secure_step_3_4.yaml").write_text(
        step.replace("name: secure_step", "name: secure_step_3_4").replace("emr-7.2.0", HADOOP_3_4_RELEASE)
    )
    (folder / "dags" / "pipelines" / "patient_steps.yaml").write_text(steps)
    secure = (profiles / "secure.yaml").read_text()
    unscheduled = vitals.replace("datasource: patient_vitals", f"datasource: {SMOKE}")
    unscheduled = unscheduled.replace('cron: "30 2 * * *"', "cron: null")
    assert "cron: null" in unscheduled
    (folder / "dags" / "pipelines" / f"{SMOKE}.yaml").write_text(unscheduled)
    broken = re.sub("^name: .*", f"name: {BROKEN_PROFILE}", secure, flags=re.MULTILINE)
    broken += "  properties: {mapreduce.map.java.opts: -XX:+NoSuchOption}\n"
    (profiles / f"{BROKEN_PROFILE}.yaml").write_text(broken)
    (profiles / f"{LOOSENED_PROFILE}.yaml").write_text(
        secure.replace("name: secure", f"name: {LOOSENED_PROFILE}")
        + f"bootstrap: [{{name: loosen, path: {LOOSENING_SCRIPT}}}]\n"
    )
    return folder / "dags"


@contextlib.contextmanager
def running() -> Iterator[Sandbox]:
    """The sandbox, up, with two datasources of the same events; down at the end, and nothing of it left.

    Its folder is its own: pytest's are removed by other runs of pytest, while this one still works.
    """
    with tempfile.TemporaryDirectory(prefix="druid-reindex-", ignore_cleanup_errors=True) as name:
        yield from _running(Path(name))


def _running(folder: Path) -> Iterator[Sandbox]:
    home = SandboxHome(folder / "home", SandboxHome.from_environment().cache)
    previous = signal.signal(signal.SIGTERM, _stop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(home.root))
        patch.setenv(CACHE_VARIABLE, str(home.cache))
        patch.setenv(airflow.DAGS_VARIABLE, str(_dags(folder / "checkout")))
        (folder / "tmp").mkdir()
        patch.setenv("TMPDIR", str(folder / "tmp"))
        try:
            endpoints = stack.up(home, print).endpoints
            planted = Planted.fresh()
            files = prepare_patients(home, PATIENTS.seed, PATIENTS.population, print)
            days = planted.added_to(files.days)
            for datasource in (VITALS, STEPS):
                nightly.deliver(home, endpoints, days, print, datasource)
            warehouse.fill(home, endpoints, files.histories, print)
            publish_druid(home, print)
            with nightly.druid_client(home, endpoints) as druid, airflow.api(home, endpoints.airflow or "") as api:
                yield Sandbox(home, endpoints, druid, api, folder / "checkout", planted)
        finally:
            stack.down(home)
            signal.signal(signal.SIGTERM, previous)
    assert processes(home) == []
