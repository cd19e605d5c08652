"""The account's CloudTrail as its readers meet it: files and digests in the bucket, and the real `aws cloudtrail`."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from druid_reindex.errors import NotFoundError
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import Daemons
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import Emulator, start

PHI, TRAIL = "drx-phi-111122223333", "drx-trail-111122223333"
PHI_KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
ARN = "arn:aws:cloudtrail:us-east-1:111122223333:trail/drx"
ROLE = "arn:aws:iam::111122223333:role/DrxAirflowPhi"
LOGS, DIGESTS = "AWSLogs/111122223333/CloudTrail/", "AWSLogs/111122223333/CloudTrail-Digest/"
CLI = Path(sys.executable).parent / "aws"
SINCE = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    home = SandboxHome(tmp_path_factory.mktemp("trail") / "home", SandboxHome.from_environment().cache)
    started = start(home, Daemons.NONE)
    started.environment = service.user_environment(home, "owner")
    try:
        yield started
    finally:
        assert started.process.stop() == 0


@pytest.fixture
def s3(account: Emulator) -> Iterator[Any]:
    client = account.client("s3")
    yield client
    client.close()


def files(s3: Any, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=TRAIL, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", ())]


def said(s3: Any, key: str) -> bytes:
    answer = s3.get_object(Bucket=TRAIL, Key=key)
    return gzip.decompress(answer["Body"].read())


def records(s3: Any) -> list[dict[str, Any]]:
    return [each for key in files(s3, LOGS) for each in json.loads(said(s3, key))["Records"]]


def found(s3: Any, request_id: str) -> dict[str, Any]:
    matches = {each["eventID"]: each for each in records(s3) if each["requestID"] == request_id}
    (record,) = matches.values()
    return record


def deliver(account: Emulator) -> dict[str, list[str]]:
    """Close a digest; a second later than the last one, because its name has its second."""
    time.sleep(1.1)
    return dict(command.ask(account.home, "deliver"))


def validated(account: Emulator, *more: str) -> tuple[int, str]:
    asked = [str(CLI), "cloudtrail", "validate-logs", "--trail-arn", ARN, "--start-time", SINCE, "--verbose", *more]
    ran = subprocess.run(
        asked, env={"PATH": "/usr/bin:/bin", **account.environment}, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_a_read_object_is_found_by_the_id_that_the_client_has(account: Emulator, s3: Any) -> None:
    key = "runs/one/plan.json"
    put = s3.put_object(Bucket=PHI, Key=key, Body=b"a body that nobody records")["ResponseMetadata"]["RequestId"]
    got = s3.get_object(Bucket=PHI, Key=key)
    content = got["Body"].read()
    deliver(account)
    record = found(s3, got["ResponseMetadata"]["RequestId"])
    assert record["eventName"] == "GetObject"
    assert record["eventCategory"] == "Data"
    assert record["requestParameters"]["bucketName"] == PHI
    assert record["requestParameters"]["key"] == key
    assert record["userIdentity"]["userName"] == "owner"
    assert record["userIdentity"]["accessKeyId"] == account.environment["AWS_ACCESS_KEY_ID"]
    assert record["additionalEventData"]["bytesTransferredOut"] == len(content)
    assert record["additionalEventData"]["x-amz-id-2"] == got["ResponseMetadata"]["HTTPHeaders"]["x-amz-id-2"]
    assert record["tlsDetails"]["tlsVersion"] == "TLSv1.3"
    assert {each["ARN"] for each in record["resources"]} == {f"arn:aws:s3:::{PHI}", f"arn:aws:s3:::{PHI}/{key}"}
    written = found(s3, put)
    assert written["additionalEventData"]["SSEApplied"] == "Default_SSE_KMS"
    assert written["responseElements"]["x-amz-server-side-encryption"] == "aws:kms"


def test_s3_uses_the_key_on_behalf_of_the_caller(account: Emulator, s3: Any) -> None:
    deliver(account)
    uses = [each for each in records(s3) if each["userIdentity"].get("invokedBy") == "fas.s3.amazonaws.com"]
    mine = [each for each in uses if each["userIdentity"].get("userName") == "owner"]
    contexts = {each["requestParameters"]["encryptionContext"]["aws:s3:arn"] for each in mine}
    assert f"arn:aws:s3:::{PHI}" in contexts
    assert {each["eventName"] for each in mine} >= {"Decrypt", "GenerateDataKey"}
    assert {PHI_KEY} <= {each["resources"][0]["ARN"] for each in mine}


def test_a_session_is_found_by_its_key_its_name_and_its_source(account: Emulator, s3: Any) -> None:
    sts = account.client("sts")
    made = sts.assume_role(
        RoleArn=ROLE, RoleSessionName="drx1.trail.1", SourceIdentity="0e1c", Tags=[{"Key": "dag", "Value": "night"}]
    )
    sts.close()
    given = made["Credentials"]
    session = Emulator(account.home, None, {**account.environment, "AWS_ACCESS_KEY_ID": given["AccessKeyId"]})
    session.environment["AWS_SECRET_ACCESS_KEY"] = given["SecretAccessKey"]
    theirs = session.client("s3", aws_session_token=given["SessionToken"])
    listed = theirs.list_objects_v2(Bucket=PHI, Prefix="runs/")["ResponseMetadata"]["RequestId"]
    theirs.close()
    deliver(account)
    assumed = found(s3, made["ResponseMetadata"]["RequestId"])
    assert assumed["responseElements"]["credentials"]["accessKeyId"] == given["AccessKeyId"]
    assert assumed["requestParameters"]["sourceIdentity"] == "0e1c"
    assert assumed["resources"][0] == {"accountId": "111122223333", "type": "AWS::IAM::Role", "ARN": ROLE}
    record = found(s3, listed)
    assert record["eventName"] == "ListObjects"
    assert record["userIdentity"]["accessKeyId"] == given["AccessKeyId"]
    assert record["userIdentity"]["arn"].endswith("assumed-role/DrxAirflowPhi/drx1.trail.1")
    assert record["userIdentity"]["sessionContext"]["sourceIdentity"] == "0e1c"
    everything = b"".join(said(s3, key) for key in files(s3, LOGS))
    for secret in (given["SecretAccessKey"], given["SessionToken"], "a body that nobody records"):
        assert secret.encode() not in everything


def test_the_real_validation_passes_and_fails_after_one_byte(account: Emulator, s3: Any) -> None:
    deliver(account)
    deliver(account)
    code, told = validated(account)
    assert code == 0, told
    assert "INVALID" not in told
    count = len(files(s3, DIGESTS))
    assert f"{count}/{count} digest files valid" in told
    victim = next(key for key in files(s3, LOGS) if b"ListObjects" in said(s3, key))
    before = s3.get_object(Bucket=TRAIL, Key=victim)["Body"].read()
    changed = gzip.decompress(before).replace(b"ListObjects", b"ListObjectz", 1)
    s3.put_object(Bucket=TRAIL, Key=victim, Body=gzip.compress(changed))
    code, told = validated(account)
    assert code == 1
    assert f"{victim}\tINVALID: hash value doesn't match" in told
    s3.put_object(Bucket=TRAIL, Key=victim, Body=before)
    assert validated(account)[0] == 0


def test_a_trail_that_stops_and_starts_begins_a_chain(account: Emulator, s3: Any) -> None:
    cloudtrail = account.client("cloudtrail")
    stopped = cloudtrail.stop_logging(Name="drx")["ResponseMetadata"]["RequestId"]
    missed = s3.head_bucket(Bucket=PHI)["ResponseMetadata"]["RequestId"]
    assert cloudtrail.get_trail_status(Name="drx")["IsLogging"] is False
    time.sleep(1.1)
    started = cloudtrail.start_logging(Name="drx")["ResponseMetadata"]["RequestId"]
    cloudtrail.close()
    deliver(account)
    ids = {each["requestID"] for each in records(s3)}
    assert {stopped, started} <= ids
    assert missed not in ids
    firsts = [key for key in files(s3, DIGESTS) if json.loads(said(s3, key))["previousDigestS3Object"] is None]
    assert len(firsts) == 2
    code, told = validated(account)
    assert code == 0, told
    assert "No log files were delivered by CloudTrail between" in told


def test_lookups_are_pages_of_management_events_and_two_a_second(account: Emulator) -> None:
    cloudtrail = account.client("cloudtrail")
    sources = [{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}]
    first = cloudtrail.lookup_events(LookupAttributes=sources, MaxResults=1)
    assert [each["EventName"] for each in first["Events"]] == ["AssumeRole"]
    time.sleep(1)
    all_of_them = cloudtrail.lookup_events()["Events"]
    assert {json.loads(each["CloudTrailEvent"])["eventCategory"] for each in all_of_them} == {"Management"}
    assert "GetObject" not in {each["EventName"] for each in all_of_them}
    cloudtrail.close()
    impatient = account.client("cloudtrail", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as refused:
        all(impatient.lookup_events(MaxResults=1) for _ in range(4))
    assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    impatient.close()


def test_an_outsider_is_recorded_by_name(account: Emulator, s3: Any) -> None:
    s3.put_object(Bucket=PHI, Key="druid/segment", Body=b"x")
    read = command.ask(account.home, "read", bucket=PHI, key="druid/segment")
    opened = command.ask(account.home, "decrypt", key=PHI_KEY)
    assert (read["error"], opened["error"]) == ("", "")
    deliver(account)
    outsider = "arn:aws:iam::111122223333:user/outsider"
    for touched, event in ((read, "GetObject"), (opened, "Decrypt")):
        record = found(s3, touched["request_id"])
        assert (record["eventName"], record["userIdentity"]["arn"]) == (event, outsider)
    uses = [each for each in records(s3) if each["userIdentity"].get("arn") == outsider]
    assert "fas.s3.amazonaws.com" in {each["userIdentity"].get("invokedBy") for each in uses}


def test_a_removed_event_is_missed_by_nobody_but_who_made_it(account: Emulator, s3: Any) -> None:
    request_id = s3.head_bucket(Bucket=PHI)["ResponseMetadata"]["RequestId"]
    deliver(account)
    deliver(account)
    event = found(s3, request_id)["eventID"]
    removed = command.ask(account.home, "remove-event", event=event)
    assert removed["digests"] >= 2
    assert request_id not in {each["requestID"] for each in records(s3)}
    deliver(account)
    code, told = validated(account)
    assert code == 0, told
    with pytest.raises(NotFoundError):
        command.ask(account.home, "remove-event", event=event)


def test_a_removed_digest_breaks_the_chain(account: Emulator, s3: Any) -> None:
    newest = files(s3, DIGESTS)[-2]
    assert command.ask(account.home, "remove-digest", digest=newest)["digest"] == newest
    code, told = validated(account)
    assert code == 1
    assert "INVALID: not found" in told


def test_requests_in_another_region_come_in_files_of_their_own(account: Emulator, s3: Any) -> None:
    kms = account.client("kms", region_name="eu-west-1")
    request_id = kms.list_keys()["ResponseMetadata"]["RequestId"]
    kms.close()
    made = deliver(account)
    assert found(s3, request_id)["awsRegion"] == "eu-west-1"
    assert any("/CloudTrail/eu-west-1/" in key for key in made["files"])
    code, told = validated(account, "--region", "eu-west-1")
    assert code == 0, told


def test_only_who_has_the_secrets_may_tell_the_trail(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "token", lambda _: "a guess")
    with pytest.raises(NotFoundError, match="token"):
        command.ask(account.home, "deliver")


def test_the_templates_policies_let_cloudtrail_deliver(tmp_path: Path) -> None:
    """Bucket and key of the trail as `emr_configs/cloudformation` makes them, in an account that enforces."""
    enforcing = start(
        SandboxHome(tmp_path / "home", SandboxHome.from_environment().cache), Daemons.NONE, enforcing=True
    )
    try:
        airflow = enforcing.client("sts")
        airflow.get_caller_identity()
        airflow.close()
        made = command.ask(enforcing.home, "deliver")
        assert (len(made["files"]), len(made["digests"])) == (1, 1)
        owner = Emulator(enforcing.home, None, service.user_environment(enforcing.home, "owner")).client("cloudtrail")
        status = owner.get_trail_status(Name="drx")
        owner.close()
        assert {"LatestDeliveryTime", "LatestDigestDeliveryTime"} <= status.keys()
        assert not {"LatestDeliveryError", "LatestDigestDeliveryError"} & status.keys()
        touched = command.ask(enforcing.home, "decrypt", key=PHI_KEY)
        assert touched["error"] == ""
    finally:
        assert enforcing.process.stop() == 0
