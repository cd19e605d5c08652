"""One shared sandbox for all tests on real engines, with a population of its own; ended whatever happens."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from druid_reindex.sandbox import airflow, nightly, stack
from druid_reindex.sandbox.aws.druid_package import publish_druid
from druid_reindex.sandbox.home import CACHE_VARIABLE, HOME_VARIABLE, SandboxHome
from real_sandbox import BROKEN_PROFILE, PATIENTS, ROOT, STEPS, VITALS, Sandbox, processes

HADOOP_3_4_RELEASE = "emr-7.9.0"


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _dags(folder: Path) -> Path:
    """The checkout's DAG file, its pipeline, and the same pipeline for a second datasource.

    The second one is an EMR step, on a release with Hadoop 3.4. One profile more asks for a JVM option that no JVM
    knows, so that every container of a job dies for real.
    """
    (folder / "dags" / "pipelines").mkdir(parents=True)
    shutil.copytree(ROOT / "emr_configs", folder / "emr_configs")
    shutil.copy(ROOT / "dags" / "nightly_reindex.py", folder / "dags")
    vitals = (ROOT / "dags" / "pipelines" / "patient_vitals.yaml").read_text()
    (folder / "dags" / "pipelines" / "patient_vitals.yaml").write_text(vitals)
    steps = vitals.replace("datasource: patient_vitals", "datasource: patient_steps")
    steps = steps.replace("submit: overlord", "submit: emr_step").replace("profile: secure", "profile: secure_step_3_4")
    assert "profile: secure_step_3_4" in steps
    profiles = folder / "emr_configs" / "profiles"
    step = (profiles / "secure_step.yaml").read_text()
    (profiles / "secure_step_3_4.yaml").write_text(
        step.replace("name: secure_step", "name: secure_step_3_4").replace("emr-7.2.0", HADOOP_3_4_RELEASE)
    )
    (folder / "dags" / "pipelines" / "patient_steps.yaml").write_text(steps)
    secure = (profiles / "secure.yaml").read_text()
    broken = secure.replace("name: secure", f"name: {BROKEN_PROFILE}")
    (profiles / f"{BROKEN_PROFILE}.yaml").write_text(
        broken + "  properties: {mapreduce.map.java.opts: -XX:+NoSuchOption}\n"
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
        try:
            endpoints = stack.up(home, print).endpoints
            for datasource in (VITALS, STEPS):
                nightly.ingest(home, endpoints, PATIENTS, print, datasource)
            publish_druid(home, print)
            with nightly.druid_client(endpoints) as druid, airflow.api(home, endpoints.airflow or "") as api:
                yield Sandbox(home, endpoints, druid, api, folder / "checkout")
        finally:
            stack.down(home)
            signal.signal(signal.SIGTERM, previous)
    assert processes(home) == []
