"""One try of one task, as those who look at AWS from outside see it: session name, source identity, tags, a mark."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from druid_reindex.model.identity import RunId

PROTOCOL = "drx1"
NOT_MAPPED = -1
_MARK_DIGITS = 16
_TRY = re.compile(r"\.(-1|\d+)\.[1-9]\d*\Z")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{1,256}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who asks AWS and Druid: the try ``try_number`` (from 1) of a task, or of one of its mapped instances.

    ``datasource`` is empty for a task that serves several.
    """

    run: RunId
    task_id: str
    map_index: int = NOT_MAPPED
    try_number: int = 1
    datasource: str = ""

    @property
    def task(self) -> str:
        """Task, map index and try, such as ``reindex.0.2`` or ``plan.-1.1``; what the journal says of each call."""
        return f"{self._unit}.{self.try_number}"

    @property
    def mark(self) -> str:
        """16 hexadecimal digits of the run and the task, equal for all its tries."""
        return _mark(str(self.run), self._unit)

    @property
    def session_name(self) -> str:
        """The STS RoleSessionName, far below its 64 characters.

        Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
        """
        return f"{PROTOCOL}.{self.mark}.{self.try_number}"

    @property
    def agent(self) -> str:
        """What the user agent says beside the product's name and release."""
        return f"{PROTOCOL}#{self.mark}"

    @property
    def source_identity(self) -> str:
        """The STS SourceIdentity: the run, which no session that is chained to this one can change.

        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
        """
        return str(self.run)

    @property
    def session_tags(self) -> Mapping[str, str]:
        """The session's tags; a DAG's or a datasource's name that STS would refuse is left out.

        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
        """
        told = {"run": str(self.run), "dag": self.run.dag_id, "datasource": self.datasource}
        return {f"druid-reindex:{name}": value for name, value in told.items() if _TAG_VALUE.fullmatch(value)}

    @property
    def role_session(self) -> dict[str, Any]:
        """What AssumeRole is told beside the role: name, source identity and tags."""
        tags = [{"Key": key, "Value": value} for key, value in self.session_tags.items()]
        return {"RoleSessionName": self.session_name, "SourceIdentity": self.source_identity, "Tags": tags}

    @property
    def _unit(self) -> str:
        return f"{self.task_id}.{self.map_index}"


def session_name_of(run: str, task: str) -> str:
    """The RoleSessionName of the try that a journal's ``run`` and ``task`` name."""
    unit, _, try_number = task.rpartition(".")
    return f"{PROTOCOL}.{_mark(run, unit)}.{try_number}"


def is_try(task: str) -> bool:
    """Whether a journal's ``task`` names the try of a task; else it is a step of a cluster, which has no try."""
    return _TRY.search(task) is not None


def _mark(run: str, unit: str) -> str:
    return hashlib.sha256(f"{run}/{unit}".encode()).hexdigest()[:_MARK_DIGITS]
