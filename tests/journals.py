"""Journals of tests: who asks, and what was written."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from druid_reindex.clients.journal import Binding
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.identity import RunId
from druid_reindex.model.journal import JournalledCall, from_line, whole_lines

RUN = RunId.of(UUID(int=7), dag_id="nightly_reindex__patient_vitals", run_id="manual__1")
ATTEMPT = Attempt(RUN, "reindex", 3, 2, "patient_vitals")
ACCOUNT = "111122223333"
RUNS_URI = "s3://drx-phi-111122223333/runs/"
BINDING = Binding(ATTEMPT, RUNS_URI, ACCOUNT)


def calls_in(path: Path) -> list[JournalledCall]:
    """The calls of a journal; none where there is no file."""
    return [from_line(line) for line in whole_lines(path.read_bytes())] if path.exists() else []


def aws_calls_in(path: Path) -> list[AwsCall]:
    """Those to AWS."""
    return [call for call in calls_in(path) if isinstance(call, AwsCall)]
