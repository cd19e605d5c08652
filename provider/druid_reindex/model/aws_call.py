"""A call of ours to AWS, as the journal keeps it: who asked what of which service, and what came back; never a body."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One request that was sent to AWS, whatever became of it; a request that botocore repeats is several calls.

    ``attempted_at`` is in UTC. ``event_source`` and ``operation`` say what of which service was asked
    (``s3.amazonaws.com``, ``PutObject``), the latter in the API's word: in a few events of S3 CloudTrail has another
    (``evidence.event_names``). ``request_id`` is None where no answer came; ``status`` is then None too. ``resources``
    are ARNs, or what request and answer named. ``account`` is the one of the boundary's key. ``run`` is the RunId;
    ``task`` names task, map index and try, or a step of the run's cluster. What a triggerer asks, for many runs at
    once, has the deployment's id and ``triggerer.-1.1``; a person's command has a run of its own. ``host_id`` is S3's
    second id of a request, x-amz-id-2, which
    AWS's support asks for, and None for other services.
    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """

    attempted_at: datetime
    event_source: str
    operation: str
    region: str
    account: str
    access_key_id: str
    request_id: str | None
    status: int | None
    error_code: str | None
    resources: tuple[str, ...]
    run: str
    task: str
    host_id: str | None = None
