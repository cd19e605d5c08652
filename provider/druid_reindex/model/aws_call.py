"""A call of ours to AWS, as the journal keeps it: who asked what of which service, and what came back; never a body."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One request that was sent to AWS, whatever became of it; a request that botocore repeats is several calls.

    ``attempted_at`` is in UTC. ``event_source`` and ``operation`` are CloudTrail's words for it
    (``s3.amazonaws.com``, ``PutObject``). ``request_id`` is None where no answer came; ``status`` is then None too.
    ``resources`` are ARNs, or what the request named. ``run`` is the RunId; ``task`` names task, map index and try.
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
