"""The users of the sandbox's Airflow connections, made as `druid-reindex druid-user --apply` makes them on AWS."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path

from druid_reindex.clients.druid_probe import probe
from druid_reindex.clients.druid_users import DruidUsers, Realm
from druid_reindex.errors import ConfigurationError, NotAuthorizedError
from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan.druid_access import api_user, touched
from druid_reindex.sandbox import druid_security
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import POLL_SECONDS
from druid_reindex.sandbox.state import Endpoints

KNOWN_SECONDS = 60.0
REALM = Realm(druid_security.AUTHENTICATOR, druid_security.AUTHORIZER)

log = logging.getLogger(__name__)


def make_users(home: SandboxHome, found: Endpoints, pipelines: Iterable[Pipeline]) -> None:
    """Return once Druid's servers know the user of each boundary, which may touch its pipelines' datasources alone.

    Raises what the clients raise.
    """
    made = tuple(pipelines)
    with DruidUsers(druid_security.admin_config(home, found), REALM) as users:
        for kind in Classification:
            user = api_user(kind, touched(each for each in made if each.classification is kind))
            users.bring(user, home.secret(druid_security.api_secret(user.name)))
    for kind in Classification:
        _await_known(home, found, kind)


def pipelines_in(folder: Path, boundaries: Boundaries) -> tuple[Pipeline, ...]:
    """Return the pipelines of the files in `folder`; a wrong file is logged and left out, as Airflow leaves it out."""
    return tuple(pipeline for file in sorted(folder.glob("*.yaml")) if (pipeline := _readable(file, boundaries)))


def _readable(file: Path, boundaries: Boundaries) -> Pipeline | None:
    try:
        return load_pipeline(file, boundaries)
    except ConfigurationError:
        log.exception("no user of Druid may touch the datasource of %s", file)
        return None


def _await_known(home: SandboxHome, found: Endpoints, kind: Classification) -> None:
    """Servers learn of a new user a moment after the Coordinator. Raises NotAuthorizedError when they do not."""
    config = druid_security.api_config(home, found, kind)
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        try:
            probe(config)
        except NotAuthorizedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return
