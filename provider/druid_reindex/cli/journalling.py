"""The journal of a command: what a person's shell asks AWS and Druid is kept, and attributed, as a task's calls are.

It lies below the deployment's id, as the triggers' does, where each night that is laid beside CloudTrail looks for what
others did meanwhile. Its calls name a run of the command's own, and in place of a task the command and the user. They
are made as whoever runs it: no role is assumed for them, so CloudTrail has that person's own session, and the mark of
the command in its user agent.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from rich.console import Console

from druid_reindex.clients.journal import Binding, Journal, journalled, stored_uri
from druid_reindex.clients.journal_files import JournalFiles
from druid_reindex.errors import DruidReindexError, Transient
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import Arn
from druid_reindex.ports import ObjectStorePort

_NO_PART_OF_A_NAME = re.compile(r"[^\w@+-]")


@contextmanager
def command_journal(
    boundaries: Boundaries,
    sides: Sequence[Boundary],
    command: str,
    store: Callable[[], ObjectStorePort],
    *,
    mutates: bool,
) -> Iterator[None]:
    """Journal what clients ask that are made in the block; ``store`` then gets the journal, for each of ``sides``.

    A command that ``mutates`` first writes the journal's object, empty. Raises what is Terminal of that, so that
    nothing is done that may not be journalled; where nothing answers, a command that takes away what it can goes on. A
    journal that cannot be put at the end stays on this machine, for the next command or task, and that is told once.
    """
    first, deployment = sides[0], boundaries.deployment_id
    binding = Binding(
        _attempt(boundaries, command), first.runs_uri, Arn.parse(first.kms_key_arn).account, folder=str(deployment)
    )
    with journalled(binding) as journal:
        if mutates:
            _require(journal, sides, store)
        try:
            yield
        finally:
            journal.close()
            _deliver(journal, sides, store)


def _attempt(boundaries: Boundaries, command: str) -> Attempt:
    user = getpass.getuser()
    own = f"{user}__{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}__{uuid4()}"
    run = RunId.of(boundaries.deployment_id, dag_id=f"druid-reindex {command}", run_id=own)
    return Attempt(run, ".".join(_NO_PART_OF_A_NAME.sub("_", part) for part in ("cli", command, user)))


def _require(journal: Journal, sides: Sequence[Boundary], store: Callable[[], ObjectStorePort]) -> None:
    try:
        _put(journal, sides, store(), b"")
    except Transient as error:
        _warn(f"the journal of this command cannot be begun in S3: {error}")


def _put(journal: Journal, sides: Sequence[Boundary], store: ObjectStorePort, body: bytes) -> None:
    for side in sides:
        store.put(stored_uri(journal.path, side.runs_uri), body, kms_key_arn=side.kms_key_arn)


def _deliver(journal: Journal, sides: Sequence[Boundary], store: Callable[[], ObjectStorePort]) -> None:
    """Put the journal, if anything was asked, and what earlier commands and tasks have left on this machine."""
    try:
        if journal.path.exists():
            _put(journal, sides[1:], store(), journal.path.read_bytes())
        for side in sides:
            files = JournalFiles(side.runs_uri, side.kms_key_arn)
            if files.waiting():
                files.deliver(store())
    except DruidReindexError as error:
        _warn(f"the journal of what this command asked stays at {journal.path}: {error}")


def _warn(told: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(told, style="yellow", markup=False)
