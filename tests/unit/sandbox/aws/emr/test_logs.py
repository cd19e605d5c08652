"""Where logs go, and that losing one loses nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from druid_reindex.sandbox.aws.emr.logs import LogArchive


class Bucket:
    def __init__(self, error: ClientError | None = None) -> None:
        self.objects: list[dict[str, Any]] = []
        self.asked = 0
        self.error = error

    def put_object(self, **request: Any) -> None:
        if self.error is not None:
            raise self.error
        self.objects.append(request)

    def client(self) -> Bucket:
        self.asked += 1
        return self

    def close(self) -> None:
        """Return its connections, of which it has none."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("stdout", "stderr", "controller", "other", "c1/stdout", "c1/launch_container.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("log_uri", ["s3://logs/emr/phi/", "s3n://logs/emr/phi", "s3a://logs//emr/phi//"])
def test_a_steps_logs_lie_below_the_cluster(folder: Path, log_uri: str) -> None:
    bucket = Bucket()
    LogArchive(log_uri, "j-1", "a key", bucket.client).put_step(folder, "s-1")
    assert {item["Key"] for item in bucket.objects} == {
        f"emr/phi/j-1/steps/s-1/{name}.gz" for name in ("stdout", "stderr", "controller")
    }
    first = bucket.objects[0]
    assert gzip.decompress(first["Body"]) == b"controller"
    assert (first["Bucket"], first["ServerSideEncryption"], first["SSEKMSKeyId"]) == ("logs", "aws:kms", "a key")


def test_without_a_key_the_bucket_decides(folder: Path) -> None:
    bucket = Bucket()
    LogArchive("s3://logs", "j-1", None, bucket.client).put_step(folder, "s-1")
    assert "ServerSideEncryption" not in bucket.objects[0]
    assert bucket.objects[0]["Key"].startswith("j-1/steps/")


def test_how_a_container_was_launched_is_not_archived(folder: Path) -> None:
    bucket = Bucket()
    LogArchive("s3://logs/", "j-1", None, bucket.client).put_tree(folder / "c1", "containers/c1")
    assert [item["Key"] for item in bucket.objects] == ["j-1/containers/c1/stdout.gz"]


def test_one_client_carries_a_whole_folder(folder: Path) -> None:
    bucket = Bucket()
    LogArchive("s3://logs/", "j-1", None, bucket.client).put_tree(folder, "containers")
    assert (len(bucket.objects), bucket.asked) == (5, 1)


def test_without_a_log_uri_nothing_is_archived(folder: Path) -> None:
    bucket = Bucket()
    archive = LogArchive(None, "j-1", None, bucket.client)
    archive.put_step(folder, "s-1")
    assert (bucket.objects, archive.uri("steps")) == ([], "")


def test_a_bucket_that_is_not_there_stops_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    error = ClientError({"Error": {"Code": "NoSuchBucket", "Message": "gone"}}, "PutObject")
    LogArchive("s3://logs/", "j-1", None, Bucket(error).client).put_step(folder, "s-1")
    assert "s3://logs/j-1/steps/s-1/stdout.gz" in caplog.text
