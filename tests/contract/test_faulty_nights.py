"""Whole nights under injected faults: the same segments and one of everything, or a red stop that a retry mends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.model.pipeline import Submission, Supervisors
from druid_reindex.model.writers import Supervisor
from druid_reindex.operators import connections
from druid_reindex.operators.settings import NightSettings
from druid_reindex.plan.timeline import visible
from druid_reindex.sandbox.aws.service import emr_configs
from druid_reindex.sandbox.aws.site import REGION
from druid_server import DruidServer
from emulated_account import ARTIFACTS, Emulator
from faults import Fault, Injector, TlsFiles, faulty
from faulty_night import GREEN, FaultyNight, cluster_states, connected, let_nodes_report, publish_object
from night_world import SETTINGS, World, rebuilt
from posture_facts import good_facts

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
ALWAYS = 10**6
STEPS_FOLDER = "tests/faulty-nights"
INSTALL = """#!/bin/bash
set -e
bin="${DRX_NODE_ROOT:-}/opt/druid-reindex/bin"
mkdir -p "$bin"
cat > "$bin/druid_index.sh" <<'SCRIPT'
#!/bin/bash
echo '{"protocol": 1, "exit_code": 0}' | aws s3 cp - "${1%/*}/result.json"
SCRIPT
chmod +x "$bin/druid_index.sh"
"""

Start = Callable[..., AbstractContextManager[FaultyNight]]


@pytest.fixture
def start(spoilt_aws: Injector, emulator: Emulator, tls: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A night behind injectors."""

    @contextmanager
    def begin(**changes: Any) -> Iterator[FaultyNight]:
        night = FaultyNight(spoilt_aws, Injector(silent_seconds=0.8), **changes)
        night.launched = partial(let_nodes_report, emulator)
        publish_object(night.settings, REGION)
        with faulty(DruidServer("25.0.0", night.world.druid), night.druid, tls) as url:
            config = DruidConfig(url, url, url, ca_file=emulator.home.ca_file, read_seconds=0.5)
            with connected(night, config, REGION):
                monkeypatch.setattr(connections, "posture_facts", lambda *_: good_facts())
                yield night

    return begin


def served(world: World) -> set[str]:
    """The ids of the segments that Druid would serve."""
    return {segment.segment_id for group in visible(world.druid.segments) for segment in group.segments}


@pytest.mark.parametrize("fault", [None, *Fault], ids=str)
def test_a_night_whose_every_call_is_spoilt_once_ends_as_any_other(start: Start, emr: Any, fault: Fault | None) -> None:
    with start() as night:
        states = night.run(fault)
        met = {*night.aws.seen, *night.druid.seen}
        assert states == GREEN, night.stopped
        assert served(night.world) == {rebuilt().segment_id}
        assert len(night.world.druid.submitted) == 1
        assert cluster_states(night, emr) == ["TERMINATED"]
    assert {"RunJobFlow", "TerminateJobFlows", "PutObject", "submit", "segments", "sql", "loadstatus"} <= met
    assert fault is None or {*night.aws.spoilt, *night.druid.spoilt} == met


@pytest.mark.parametrize("operation", ["RunJobFlow", "submit", "PutObject", "PutObjectIf"])
def test_what_is_made_is_made_once_though_no_answer_ever_comes(start: Start, emr: Any, operation: str) -> None:
    with start() as night:
        states = night.run(Fault.UNANSWERED, operation, times=ALWAYS)
        assert len(night.world.druid.submitted) <= 1
        found = cluster_states(night, emr)
        assert found in ([], ["TERMINATED"])
        assert states["verdict"] == ("failed" if night.stopped else "success")
        assert night.mend() == GREEN, night.stopped
        assert served(night.world) == {rebuilt().segment_id}
        assert len(night.world.druid.submitted) == 1


# Whoever cannot ask EMR about a cluster cannot end it: the reaper does, or EMR once the cluster has idled.
BLINDING = {"DescribeCluster", "ListClusters", "SetTerminationProtection", "TerminateJobFlows"}
BROKEN = (
    "RunJobFlow", *sorted(BLINDING), "PutObject", "PutObjectIf", "GetObject", "HeadObject",
    "version", "submit", "task status", "segments", "loadstatus", "sql",
)  # fmt: skip


@pytest.mark.parametrize("operation", BROKEN)
def test_what_fails_all_night_is_a_red_stop_that_clearing_the_run_mends(start: Start, emr: Any, operation: str) -> None:
    with start(limit_seconds=3.0) as night:
        states = night.run(Fault.FAILED, operation, times=ALWAYS)
        assert states["verdict"] == "failed"
        assert all("What to do:" in said for said in night.stopped.values()), night.stopped
        living = [each for each in cluster_states(night, emr) if not each.startswith("TERMINATED")]
        assert living == [] or operation in BLINDING
        assert night.mend() == GREEN, night.stopped
        assert served(night.world) == {rebuilt().segment_id}
        assert len(night.world.druid.submitted) == 1
        assert {*cluster_states(night, emr)} == {"TERMINATED"}


@pytest.fixture
def as_steps(s3: Any) -> NightSettings:
    """The shipped pipeline through Druid's CLI indexer, with an indexer that says at once that it has succeeded."""
    journalled = (emr_configs() / "bootstrap" / "journalled.sh").read_text()
    for name, script in (
        ("install_druid.sh", INSTALL),
        ("attest.sh", "#!/bin/bash\n"),
        ("journalled.sh", journalled),
    ):
        s3.put_object(Bucket=ARTIFACTS, Key=f"{STEPS_FOLDER}/bootstrap/{name}", Body=script.encode())
    pipeline = SETTINGS.pipeline.model_copy(update={"submit": Submission.EMR_STEP})
    boundaries = SETTINGS.boundaries.model_copy(update={"artifacts_uri": f"s3://{ARTIFACTS}/{STEPS_FOLDER}/"})
    return replace(SETTINGS, pipeline=pipeline, boundaries=boundaries)


def publish(world: World) -> None:
    """What the indexer writes into Druid's metadata store."""
    world.druid.segments.append(rebuilt())


@pytest.mark.parametrize("fault", [Fault.FAILED, Fault.RESET, Fault.UNANSWERED], ids=str)
def test_a_night_by_steps_ends_as_any_other(start: Start, emr: Any, as_steps: NightSettings, fault: Fault) -> None:
    with start(settings=as_steps, planned=publish) as night:
        states = night.run(fault)
        assert states == GREEN, night.stopped
        cluster_id = night.world.xcoms["cluster_up", "return_value"]["cluster_id"]
        steps = emr.list_steps(ClusterId=cluster_id)["Steps"]
        assert [step["Status"]["State"] for step in steps] == ["COMPLETED"]
        assert cluster_states(night, emr) == ["TERMINATED"]
        assert {"AddJobFlowSteps", "ListSteps", "DescribeStep"} <= {*night.aws.spoilt}


STREAM = Supervisor("patient_vitals", is_suspended=False)
STREAMED = replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(
    update={"supervisors": Supervisors.SUSPEND, "streaming_window": timedelta(days=100_000)}
))  # fmt: skip
OF_SUPERVISORS = ("supervisor", "history", "suspend", "resume")


def turns(world: World) -> list[bool]:
    """The supervisor's versions, oldest first: whether each is suspended."""
    return [each.is_suspended for each in reversed(world.druid.supervisor_versions(STREAM.supervisor_id))]


@pytest.mark.parametrize("fault", [Fault.FAILED, Fault.SILENT, Fault.UNANSWERED], ids=str)
def test_a_supervisor_is_suspended_and_resumed_once_though_each_call_is_spoilt(start: Start, fault: Fault) -> None:
    with start(settings=STREAMED) as night:
        night.world.druid.supervisors = [STREAM]
        assert night.run(fault, *OF_SUPERVISORS) == GREEN, night.stopped
        assert {*night.druid.spoilt} == {*OF_SUPERVISORS}
        assert (turns(night.world), night.world.druid.supervisors) == ([False, True, False], [STREAM])


@pytest.mark.parametrize("operation", OF_SUPERVISORS)
def test_what_fails_of_a_supervisor_all_night_is_a_red_stop_that_clearing_mends(start: Start, operation: str) -> None:
    with start(settings=STREAMED) as night:
        night.world.druid.supervisors = [STREAM]
        fault = Fault.UNANSWERED if operation in {"suspend", "resume"} else Fault.FAILED
        states = night.run(fault, operation, times=ALWAYS)
        assert (states["verdict"] == "failed") is bool(night.stopped)
        assert night.mend() == GREEN, night.stopped
        assert night.world.druid.supervisors == [STREAM]
        assert turns(night.world) in ([False, True, False], [False, True, False, True, False])
