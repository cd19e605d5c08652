"""`druid-reindex evidence trail` and the real `aws cloudtrail validate-logs` on the same bucket, whole and tampered."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from druid_reindex.model.trail import TrailScope
from druid_reindex.model.uri import Arn, S3Uri
from trail_account import BUCKET, HOUR, NIGHT, TRAIL, TrailFiles, a_night, event, log_text
from trail_service import Account, trail_account

MEMBER = "123456789012"  # whom moto's STS takes every caller for
SINCE, UNTIL = f"{NIGHT:%Y-%m-%dT%H:%M:%SZ}", f"{NIGHT + 6 * HOUR:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def account() -> Iterator[Account]:
    with trail_account() as made:
        yield made


@dataclass(frozen=True)
class Verdicts:
    """What a program says: digests and logs that are valid, of how many, what is wrong by file, gaps, exit status."""

    digests: tuple[int, int]
    logs: tuple[int, int]
    wrong: frozenset[str]
    gaps: int
    status: int


def of_aws(account: Account, *which: str) -> Verdicts:
    named = which or ("--trail-arn", TRAIL, "--s3-bucket", BUCKET)
    done = account.run("aws", "cloudtrail", "validate-logs", *named, "--start-time", SINCE, "--end-time", UNTIL)

    def counted(kind: str) -> tuple[int, int]:
        found = re.findall(rf"(\d+)/(\d+) (?:backfill )?{kind} files valid", done.stdout)
        return sum(int(good) for good, _ in found), sum(int(total) for _, total in found)

    wrong = frozenset(re.findall(r"(s3://\S+)\tINVALID", done.stderr))
    return Verdicts(counted("digest"), counted("log"), wrong, done.stderr.count("No log files were"), done.returncode)


def of_ours(account: Account, *which: str) -> Verdicts:
    named = which or ("--trail", TRAIL, "--bucket", BUCKET)
    done = account.run("druid-reindex", "evidence", "trail", *named, "--since", SINCE[:-1], "--until", UNTIL[:-1])
    counts = re.search(r"(\d+) of (\d+) digests, (\d+) of (\d+) log files valid in us-east-1", done.stdout)
    assert counts is not None, done.stdout + done.stderr
    good, all_, logs, all_logs = map(int, counts.groups())
    wrong = frozenset(re.findall(r"^✗ (?:digest|log) (s3://\S+): (?:not found|INVALID)", done.stdout, re.MULTILINE))
    return Verdicts((good, all_), (logs, all_logs), wrong, done.stdout.count("! no log files were"), done.returncode)


Tampering = Callable[[TrailFiles, list[S3Uri], list[S3Uri]], object]


def nothing(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    """Leave it as it is."""


def one_byte_of_a_log(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    text = gzip.decompress(files.objects[logs[4]].body)
    files.change(logs[4], gzip.compress(text.replace(b"GetObject", b"PutObject", 1)))


def one_byte_of_the_compressed_log(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    body = bytearray(files.objects[logs[4]].body)
    body[len(body) // 2] ^= 1
    files.change(logs[4], bytes(body))


def a_log_cut_off(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    files.change(logs[0], files.objects[logs[0]].body[:-20])


def a_log_followed_by_itself(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    files.change(logs[0], files.objects[logs[0]].body * 2)


def a_log_removed(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    del files.objects[logs[7]]


def a_digest_removed(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    del files.objects[digests[2]]


def the_first_digest_removed(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    del files.objects[digests[0]]


def one_byte_of_a_digest(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    text = gzip.decompress(files.objects[digests[1]].body)
    files.change(digests[1], gzip.compress(text.replace(b'"hashValue": "', b'"hashValue": "0', 1)))


def a_digest_of_no_signature(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    stored = files.objects[digests[1]]
    files.objects[digests[1]] = type(stored)(stored.body, {})


def a_digest_that_is_no_gzip(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    files.change(digests[3], b"no gzip at all")


def a_digest_at_another_place(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    files.objects[digests[1]] = files.objects[digests[2]]


def stopped_for_an_hour(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    files.start_anew()
    files.deliver(log_text(event(901, NIGHT + 5 * HOUR)), NIGHT + 5 * HOUR)
    files.close(NIGHT + 6 * HOUR)


def a_new_key_and_a_backfill(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    files.key = 1
    files.deliver(log_text(event(902, NIGHT + 4 * HOUR)), NIGHT + 4 * HOUR)
    files.close(NIGHT + 5 * HOUR)
    files.deliver(log_text(event(903, NIGHT + HOUR)), NIGHT + 5 * HOUR)
    files.close(NIGHT + 2 * HOUR, backfill=True)


def signed_by_a_stranger(files: TrailFiles, digests: list[S3Uri], logs: list[S3Uri]) -> None:
    files.key = 2
    files.close(NIGHT + 5 * HOUR)


@pytest.mark.parametrize(
    ("tampering", "status"),
    [
        (nothing, 0), (stopped_for_an_hour, 0), (a_new_key_and_a_backfill, 0), (one_byte_of_a_log, 1),
        (one_byte_of_the_compressed_log, 1), (a_log_cut_off, 1), (a_log_followed_by_itself, 1), (a_log_removed, 1),
        (a_digest_removed, 1), (the_first_digest_removed, 1), (one_byte_of_a_digest, 1), (a_digest_of_no_signature, 1),
        (a_digest_that_is_no_gzip, 1), (a_digest_at_another_place, 1), (signed_by_a_stranger, 1),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)  # fmt: skip
def test_the_verdicts_are_those_of_aws(account: Account, tampering: Tampering, status: int) -> None:
    files, digests, logs = a_night()
    tampering(files, digests, logs)
    account.hold(files)
    theirs, ours = of_aws(account), of_ours(account)
    assert ours == theirs
    assert ours.status == status
    assert ours.digests[1] >= 4, "all were looked at"


@pytest.mark.parametrize(("tampering", "status"), [(nothing, 0), (a_log_removed, 1), (a_digest_removed, 1)])
def test_of_an_organizations_trail_too(account: Account, tampering: Tampering, status: int) -> None:
    """A member's own digests, in the bucket of a trail that another account has; a sibling's are not looked at."""
    arn = "arn:aws:cloudtrail:us-east-1:999988887777:trail/all"
    account.trails.append({"TrailARN": arn, "Name": "all", "S3BucketName": BUCKET, "IsOrganizationTrail": True})
    owned, organization = TrailScope.of(Arn.parse(arn), BUCKET), account.organize()
    files, digests, logs = a_night(scope=owned.of_member(organization, MEMBER))
    tampering(files, digests, logs)
    sibling, _, theirs_too = a_night(scope=owned.of_member(organization, "444455556666"))
    del sibling.objects[theirs_too[0]]
    files.objects.update(sibling.objects)
    account.hold(files)
    theirs = of_aws(account, "--trail-arn", arn, "--account-id", MEMBER)
    ours = of_ours(account, "--trail", arn)
    assert ours == theirs
    assert (ours.status, ours.digests[1]) == (status, 4)
