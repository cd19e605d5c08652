"""A trail read through its port, in one process and in several."""

from __future__ import annotations

import pytest

from druid_reindex.clients.trail_reading import TrailReading
from druid_reindex.errors import NotAuthorizedError
from druid_reindex.evidence.trail_chain import Link
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.model.uri import S3Uri
from trail_account import HOUR, NIGHT, WINDOW, TrailFiles, a_night, event, log_text
from twins import FakeTrail


def port(files: TrailFiles) -> FakeTrail:
    return FakeTrail([files.scope], files.objects, files.public_keys())


@pytest.mark.parametrize("processes", [1, 2])
def test_every_file_is_judged_once_and_every_hit_is_found(processes: int) -> None:
    files, digests, logs = a_night()
    keys = frozenset({"ASIA0000000000000002", "ASIA0000000000000112"})
    seen = [*TrailReading(port(files), files.scope, keys, processes).read(WINDOW)]
    assert [each.uri for each in seen if isinstance(each, Link)] == digests[::-1]
    checks = [each for each in seen if isinstance(each, LogCheck)]
    assert sorted(each.uri for each in checks) == sorted(logs)
    found = sorted(hit.identity.access_key_id for each in checks for hit in each.events)
    assert found == sorted(keys)


def test_a_backfill_is_a_chain_of_its_own() -> None:
    files, digests, _ = a_night(hours=2)
    late = files.deliver(log_text(event(7)), NIGHT)
    backfill = files.close(NIGHT + HOUR, backfill=True)
    seen = [*TrailReading(port(files), files.scope).read(WINDOW)]
    assert [each.uri for each in seen if isinstance(each, Link)] == [*digests[::-1], backfill]
    assert late in {each.uri for each in seen if isinstance(each, LogCheck)}


def test_what_could_not_be_read_is_no_verdict() -> None:
    files, _, _ = a_night(hours=1)

    class Refused(FakeTrail):
        def log(self, uri: S3Uri) -> bytes | None:
            raise NotAuthorizedError("read a log file", resource=str(uri), came_back="AccessDenied", remedy="allow it")

    refused = Refused([files.scope], files.objects, files.public_keys())
    with pytest.raises(NotAuthorizedError):
        _ = [*TrailReading(refused, files.scope).read(WINDOW)]
