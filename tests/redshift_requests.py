"""What Redshift is asked, and asks of S3 as its own role: a statement, an unload, and a load of what was unloaded."""

from __future__ import annotations

import time
from collections.abc import Sequence

from druid_reindex.clients.redshift import RedshiftClient
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import FileFormat, Load, LoadMode, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import StatementState, Warehouse
from druid_reindex.plan.manifest import copy_manifest, read_manifest
from druid_reindex.plan.redshift import Route, Step, Ticket, define_script, load_script, unload_script
from druid_reindex.sandbox.aws.site import REGION

UNLOAD = Unload(name="recorded", sql="unload/recorded.sql", format=FileFormat.JSON)
LOAD = Load(
    name="recorded", table="public.recorded", columns=("id",), mode=LoadMode.MERGE, keys=("id",), unload="recorded",
    format=FileFormat.JSON, sql="load/recorded.sql",
)  # fmt: skip


def ask(boundary: Boundary, warehouse: Warehouse) -> None:
    """Ask for all of it, as the role that the environment names."""
    redshift, store = RedshiftClient(build_session(region=REGION), warehouse), S3Client(build_session(region=REGION))
    route = Route(warehouse, REGION, boundary.kms_key_arn)
    prefix = S3Uri.parse(boundary.runs_uri) / "recorded/unload"
    _run(redshift, "drx_define", define_script(LOAD, "CREATE TABLE IF NOT EXISTS public.recorded (id INT)", {}))
    _run(redshift, "drx_unload", unload_script(UNLOAD, "SELECT 1 AS id", {}, route=route, prefix=prefix))
    manifest = read_manifest(prefix / "manifest", store.get(prefix / "manifest"), below=prefix)
    copied = prefix / "copy.manifest"
    store.put(copied, copy_manifest(manifest), kms_key_arn=boundary.kms_key_arn)
    ticket = Ticket(digest(b"recorded"), "recorded", "recorded", 1)
    loaded = _run(redshift, "drx_load", load_script(LOAD, manifest, manifest_uri=copied, route=route, ticket=ticket))
    assert loaded in [each.statement_id for each in redshift.named("drx_")]
    redshift.cancel(loaded)


def _run(redshift: RedshiftClient, name: str, script: Sequence[Step]) -> str:
    submitted = redshift.submit(name, [step.sql for step in script], token=digest(name.encode()))
    while not (found := redshift.describe(submitted)).state.is_ended:
        time.sleep(0.1)
    assert found.state is StatementState.FINISHED, found
    if found.parts[-1].statement_id and name != "drx_define":
        assert len(redshift.rows(found.parts[-1].statement_id)) == 1
    return submitted
