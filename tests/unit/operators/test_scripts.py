"""What a script's result means; a whole night of it: `test_prepare.py`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from druid_reindex.errors import (
    ConfigurationError,
    DruidReindexError,
    IntegrityError,
    NotAuthorizedError,
    NotProtectedError,
    ProtocolError,
    ReindexFailedError,
    UnavailableError,
)
from druid_reindex.model.cluster import Cluster, ClusterState, StepState
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.scripts import ScriptJob
from druid_reindex.operators.steps import Doing, StepUnit
from druid_reindex.operators.waiting import Wait, Waiting
from night_world import SETTINGS
from timelines import RUN
from twins import FakeEmr, FakeStore

CLUSTER = Cluster("j-1", "night", ClusterState.WAITING, log_uri="s3://drx-logs-111122223333/emr/phi/")
PLACE = S3Uri.parse(SETTINGS.boundary.runs_uri) / "r/prepared/claims"


class Deferred(Exception):
    """The slot was given away."""


def give_away(wait: Wait) -> Any:
    raise Deferred(wait.trigger(poll_seconds=1.0, deadline="", **wait.arguments).item)


def ended(state: StepState, result: dict[str, Any] | None) -> tuple[str, S3Uri]:
    """How the job ends whose step ended so and left `result`."""
    from datetime import UTC, datetime, timedelta

    emr, store, resumed = FakeEmr(step_outcomes=[state]), FakeStore(), None
    emr.clusters["j-1"], emr.ahead["j-1"], emr.steps["j-1"] = CLUSTER, [], []
    for _ in range(9):
        waiting = Waiting(give_away, datetime.now(UTC) + timedelta(minutes=1), lambda _line: None, resumed)
        doing = Doing(SETTINGS, RUN, waiting, lambda _line: None, lambda: None, lambda _id: None)
        job = ScriptJob(doing, emr, store)
        unit = StepUnit("prepare_claims", "d" * 64, PLACE, lambda _n, _f: {}, job.payload("bootstrap/tokenise.sh"))
        try:
            return job.run(CLUSTER, unit, secret_id="a/secret")
        except Deferred as deferred:
            resumed = deferred.args[0]
            if result is not None:
                place = PLACE / emr.added[0]["Name"] / "result.json"
                store.put(place, json.dumps(result).encode(), kms_key_arn=SETTINGS.boundary.kms_key_arn)
    raise AssertionError("it never ends")


def test_a_step_that_completed_tells_its_folder() -> None:
    step_id, folder = ended(StepState.COMPLETED, {"protocol": 1, "exit_code": 0})
    assert step_id == "s-0000000000001"
    assert PLACE.covers(folder)


@pytest.mark.parametrize(
    ("exit_code", "kind", "told"),
    [
        (3, ConfigurationError, "a/secret: words.*ingest all data anew"),
        (4, NotAuthorizedError, "a/secret: words.*role read the secret"),
        (5, IntegrityError, "words.*who wrote"),
        (7, NotAuthorizedError, "a/secret: words.*username and password"),
        (8, NotProtectedError, "words.*name the CA"),
        (9, ConfigurationError, "words.*correct the unload"),
        (10, UnavailableError, "words.*tried again by itself"),
        (1, ReindexFailedError, "FAILED; words.*stderr.gz"),
    ],
)
def test_a_status_means_an_error(exit_code: int, kind: type[DruidReindexError], told: str) -> None:
    with pytest.raises(kind, match=told):
        ended(StepState.FAILED, {"protocol": 1, "exit_code": exit_code, "problem": "words"})


def test_a_step_that_left_nothing_tells_where_its_log_is() -> None:
    with pytest.raises(ReindexFailedError, match=r"CANCELLED.*steps/s-0000000000001/stderr\.gz"):
        ended(StepState.CANCELLED, None)


@pytest.mark.parametrize("result", [{}, {"protocol": 2, "exit_code": 0}, None])
def test_a_result_that_this_release_does_not_know_is_an_error(result: dict[str, Any] | None) -> None:
    with pytest.raises(ProtocolError, match="upload the bootstrap scripts"):
        ended(StepState.COMPLETED, result)
