"""How the tasks that move tables begin."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from druid_reindex.errors import ConfigurationError, IntegrityError, NotFoundError
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.redshift import UnloadRedshiftOperator
from druid_reindex.operators.transfers import entered, job_of, read_whole, route_of
from druid_reindex.operators.waiting import Waiting
from night_world import SETTINGS, World, make
from warehouse import KEY, UNLOAD

MANIFEST = S3Uri.parse("s3://drx-phi-111122223333/runs/r/unload/claims/1/manifest")
FILE = S3Uri.parse("s3://drx-phi-111122223333/runs/r/unload/claims/1/a")


def task(settings: object = SETTINGS) -> UnloadRedshiftOperator:
    made = make(UnloadRedshiftOperator, "unload_claims", unload=UNLOAD, settings=settings)
    made.waiting = Waiting(lambda _wait: pytest.fail("nothing is waited for"), None, print)  # type: ignore[arg-type]
    return made


def test_a_task_of_a_night_holds_its_lease_and_works_under_its_plan(world: World) -> None:
    world.plan()
    mine = task()
    assert entered(mine, world.context(), leased=True) == world.xcoms["plan", "night"]["plan_sha256"]
    assert mine._tenure is not None
    job_of(mine, world.context()).require()


def test_a_task_by_itself_has_neither(world: World) -> None:
    mine = task()
    assert entered(mine, world.context(), leased=False) == ""
    assert mine._tenure is None


def test_a_night_without_work_is_skipped(world: World) -> None:
    world.druid.segments.clear()
    world.plan()
    with pytest.raises(AirflowSkipException):
        entered(task(), world.context(), leased=True)


def test_the_route_is_the_boundary_s(world: World) -> None:
    route = route_of(task())
    assert route.role == "IAM_ROLE 'arn:aws:iam::111122223333:role/DrxRedshift'"
    assert (route.region, route.kms_key_arn) == ("us-east-1", KEY)
    bare = SETTINGS.boundaries.model_copy(update={"phi": SETTINGS.boundary.model_copy(update={"redshift": None})})
    with pytest.raises(ConfigurationError, match=r"no phi\.redshift"):
        route_of(task(replace(SETTINGS, boundaries=bare)))


def test_a_manifest_is_whole_or_not_read(world: World) -> None:
    entry = {"url": str(FILE), "meta": {"content_length": 1, "record_count": 2}}
    world.store.put(MANIFEST, json.dumps({"entries": [entry]}).encode(), kms_key_arn=KEY)
    below = S3Uri.parse(SETTINGS.boundary.data_uri)
    with pytest.raises(NotFoundError):
        read_whole(task(), MANIFEST, below=below)
    world.store.put(FILE, b"x", kms_key_arn="another")
    with pytest.raises(IntegrityError, match="encrypted with another"):
        read_whole(task(), MANIFEST, below=below)
    world.store.put(FILE, b"x", kms_key_arn=KEY)
    assert read_whole(task(), MANIFEST, below=below).rows == 2
