"""What a trail's files show of a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from druid_reindex.clients.trail_sight import AFTER, TrailLook
from druid_reindex.errors import ConfigurationError, NotFoundError
from druid_reindex.evidence.trail_view import GRACE, PATIENCE
from druid_reindex.model.trail import Window
from trail_account import HOUR, NIGHT, SCOPE, TrailFiles, a_night, event, log_text
from twins import FakeTrail

SPAN = Window(NIGHT, NIGHT + HOUR)
KEYS = frozenset({"ASIA0000000000000001"})


def looking(files: TrailFiles, grace: timedelta = timedelta(0), arn: str | None = None) -> TrailLook:
    return TrailLook(FakeTrail([SCOPE], files.objects, files.public_keys()), arn, grace)


def test_events_of_the_time_come_once_and_others_not_at_all() -> None:
    files = TrailFiles()
    inside, outside = event(1, NIGHT), event(1, NIGHT + HOUR + 2 * AFTER, eventID="outside")
    files.deliver(log_text(inside, outside), NIGHT)
    files.deliver(log_text(inside), NIGHT + timedelta(minutes=1))
    files.close(NIGHT + HOUR)
    found = looking(files).see(KEYS, SPAN)
    assert [each.event_id for each in found.events] == [inside["eventID"]]
    assert (found.untold(), found.is_awaited(NIGHT + HOUR)) == ((), False)


def test_what_no_digest_tells_of_is_awaited_for_a_day() -> None:
    files, _, _ = a_night(hours=1)
    found = looking(files, GRACE).see(KEYS, SPAN)
    assert found.untold() == (Window(NIGHT + HOUR, NIGHT + HOUR + GRACE),)
    assert found.is_awaited(NIGHT + 3 * HOUR)
    assert not found.is_awaited(SPAN.end + PATIENCE)


def test_a_trail_without_a_digest_tells_nothing() -> None:
    found = looking(TrailFiles()).see(KEYS, SPAN)
    assert found.untold() == (SPAN,)


def test_the_trail_that_is_meant_is_named_or_the_only_one() -> None:
    files, _, _ = a_night(hours=1)
    assert looking(files, arn=SCOPE.arn).see(KEYS, SPAN).home_region == "us-east-1"
    with pytest.raises(NotFoundError):
        looking(files, arn="arn:aws:cloudtrail:us-east-1:111122223333:trail/else").see(KEYS, SPAN)
    for scopes in ([], [SCOPE, SCOPE]):
        with pytest.raises(ConfigurationError, match="trail_arn"):
            TrailLook(FakeTrail(scopes, files.objects, files.public_keys()), None, GRACE).see(KEYS, SPAN)
