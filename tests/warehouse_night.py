"""A night of real operators and clients on an enforcing account with a Redshift, as the role of protected nights.

Druid is a twin. Clusters have no daemons and are not attested: their steps are the account's own processes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiobotocore.session import get_session

from druid_reindex.clients.emr import EmrClient
from druid_reindex.clients.emr_async import open_emr
from druid_reindex.clients.redshift import RedshiftClient
from druid_reindex.clients.redshift_async import open_redshift
from druid_reindex.clients.s3 import S3Client
from druid_reindex.model.config_files import load_profile
from druid_reindex.model.pipeline import Classification
from druid_reindex.operators import connections
from druid_reindex.operators.settings import NightSettings
from druid_reindex.sandbox.aws.service import airflow_role_arn, user_environment
from druid_reindex.sandbox.aws.site import REGION
from emulated_account import Emulator, role_environment
from faulty_night import ClosingSession
from loops import no_socket_left
from night_world import SETTINGS, World, connect
from redshift_account import Warehouse

NIGHTS = airflow_role_arn(Classification.PHI)
USER = f"IAMR:{NIGHTS.rpartition('/')[2]}"
# A profile whose clusters are not attested, for nodes that cannot report.
UNATTESTED = replace(SETTINGS, profile=load_profile(SETTINGS.configs, "small"), security=None)


@contextmanager
def night_on(warehouse: Warehouse, settings: NightSettings = UNATTESTED) -> Iterator[World]:
    """A world whose AWS is the account, until the block ends."""
    world = World(run_id=f"manual__{uuid.uuid4()}")
    with no_socket_left(), pytest.MonkeyPatch.context() as patch:
        for name, value in role_environment(warehouse.home, NIGHTS).items():
            patch.setenv(name, value)
        connect(world, patch)
        with closing(ClosingSession(REGION)) as aws:
            _serve(patch, aws, settings)
            yield world


def _serve(patch: pytest.MonkeyPatch, aws: Any, settings: NightSettings) -> None:
    patch.setattr(connections, "s3_client", lambda _conn, _region: S3Client(aws))
    patch.setattr(connections, "emr_client", lambda _conn, _region: EmrClient(aws))
    patch.setattr(connections, "async_emr", lambda _conn, _region: open_emr(get_session, REGION))
    patch.setattr(connections, "redshift_client", lambda *_: RedshiftClient(aws, settings.warehouse))
    patch.setattr(connections, "async_redshift", lambda _conn, _region: open_redshift(get_session, REGION))


@contextmanager
def as_owner(warehouse: Warehouse, name: str) -> Iterator[Any]:
    """A client of the account's owner, until the block ends."""
    environment = user_environment(warehouse.home, "owner")
    with closing(Emulator(warehouse.home, None, environment).client(name)) as client:
        yield client
