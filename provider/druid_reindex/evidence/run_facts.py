"""What a run can be known by in the trail, told by its own journal: keys that were issued to it, sessions, time.

A key counts as issued to the run where the run's own AssumeRole calls explain it: one that asks for a role is the
worker's, which others use as well, and so is a key of long life. The key of a step is its instance's, which may serve
the steps of several runs. Without a role a run has no keys of its own, and its
calls are found by their request ids alone.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids (ASIA)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from druid_reindex.evidence.attribution import RunFacts
from druid_reindex.model.attempt import is_try, session_name_of
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri

_STS, _ASSUME = "sts.amazonaws.com", "AssumeRole"
_TEMPORARY = "ASIA"


def facts_of(
    run: str, calls: Sequence[AwsCall], window: Window, resources: Iterable[str] = (), instances: Iterable[str] = ()
) -> RunFacts:
    """What the journal's ``calls`` of ``run`` say of it; ``instances`` are those of its clusters."""
    calls = [each for each in calls if is_try(each.task)]
    assumed = [each for each in calls if each.event_source == _STS and each.operation.startswith(_ASSUME)]
    asking = {each.access_key_id for each in assumed}
    issued = {each.access_key_id for each in calls if each.access_key_id.startswith(_TEMPORARY)} - asking
    sessions = {
        session_name_of(run, each.task): role for each in assumed for role in each.resources if ":role/" in role
    }
    return RunFacts(
        run=run,
        window=window,
        access_keys=frozenset(issued if any(each.error_code is None for each in assumed) else ()),
        sessions=sessions,
        instances=dict.fromkeys(instances, window),
        resources=tuple(resources),
    )


def arn_of(uri: S3Uri) -> str:
    """The ARN of what lies at ``uri``."""
    return f"arn:aws:s3:::{uri.bucket}/{uri.key}".rstrip("/")
