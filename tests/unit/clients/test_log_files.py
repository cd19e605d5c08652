"""Log files are read line by line, whatever is in them."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from druid_reindex.clients.log_files import LONGEST, LogFiles, read_lines
from druid_reindex.errors import IntegrityError, NoAnswerError, NotAuthorizedError
from druid_reindex.model.uri import S3Uri

WHERE = S3Uri("logs", "emr/phi/j-1/node/i-1/applications/hadoop-hdfs/hdfs-audit.log.gz")


def lines(body: bytes) -> list[str]:
    return list(read_lines(io.BytesIO(body), WHERE))  # type: ignore[arg-type]  # read as a raw stream is


def test_lines_have_no_ends_and_the_last_needs_none() -> None:
    assert lines(b"one\r\ntwo\n\nthree") == ["one", "two", "", "three"]
    assert lines(b"") == []


def test_gzip_is_known_by_its_first_bytes_and_may_have_several_members() -> None:
    assert lines(gzip.compress(b"one\ntw") + gzip.compress(b"o\n")) == ["one", "two"]


def test_gzip_that_breaks_off_is_an_error_after_the_lines_before() -> None:
    whole = gzip.compress(b"".join(b"%d\n" % number for number in range(100_000)))
    read = read_lines(io.BytesIO(whole[: len(whole) // 2]), WHERE)  # type: ignore[arg-type]
    assert next(read) == "0"
    with pytest.raises(IntegrityError, match="breaks off"):
        list(read)


@pytest.mark.parametrize("at", [12, 40])
def test_gzip_with_other_bytes_in_it_is_an_error(at: int) -> None:
    whole = bytearray(gzip.compress(b"".join(b"line %d\n" % number for number in range(1000))))
    whole[at] ^= 0xFF
    with pytest.raises(IntegrityError):
        lines(bytes(whole))


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert lines(b"a\xffb\n") == ["a\ufffdb"]


def test_an_endless_line_is_cut_and_costs_no_memory() -> None:
    body = gzip.compress(b"x" * (64 * LONGEST) + b"\nnext\n")
    tracemalloc.start()
    found = [len(each) for each in read_lines(io.BytesIO(body), WHERE)]  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [LONGEST, 4]
    assert peak < 16 * LONGEST


class _Lost(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        got = super().read(size)
        if not got:
            raise ReadTimeoutError(endpoint_url="https://s3")
        return got


def client(answer: Any) -> tuple[LogFiles, Stubber]:
    files = LogFiles(boto3.Session("A", "B", region_name="us-east-1"))
    stub = Stubber(files._s3)
    answer(stub)
    stub.activate()
    return files, stub


def test_a_file_is_read_from_s3() -> None:
    body = gzip.compress(b"one\ntwo\n")
    files, stub = client(
        lambda stub: stub.add_response(
            "get_object", {"Body": StreamingBody(io.BytesIO(body), len(body))}, {"Bucket": "logs", "Key": WHERE.key}
        )
    )
    assert list(files.lines(WHERE)) == ["one", "two"]
    stub.assert_no_pending_responses()


def test_a_connection_that_is_lost_while_reading_is_no_end_of_the_file() -> None:
    files, _ = client(
        lambda stub: stub.add_response("get_object", {"Body": StreamingBody(_Lost(b"one\n" * 9), 1_000_000)})
    )
    with pytest.raises(NoAnswerError):
        list(files.lines(WHERE))


def test_who_may_not_read_is_told_so() -> None:
    files, _ = client(lambda stub: stub.add_client_error("get_object", "AccessDenied", http_status_code=403))
    with pytest.raises(NotAuthorizedError):
        list(files.lines(WHERE))
