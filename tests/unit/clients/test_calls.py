"""What a task asks of the outside is counted where its clients ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from druid_reindex.clients.calls import Tally, apart, counted, counting
from druid_reindex.clients.leases import LeaseShelf
from druid_reindex.model.uri import S3Uri
from timelines import boundaries
from twins import FakeStore

ONCE_AGAIN = Config(retries={"mode": "standard", "total_max_attempts": 2})


class CountingStore(FakeStore):
    """A store that counts as a client does."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = Tally()

    def get_with_etag(self, uri: S3Uri) -> tuple[bytes, str] | None:
        self.calls.add("s3")
        return super().get_with_etag(uri)


def test_it_counts_while_the_block_lasts_and_goes_on_from_before() -> None:
    with counted({"druid": 2}) as asked:
        tally = Tally()
        tally.add("druid")
        with apart("lease"):
            tally.add("s3")
        tally.add("s3")
    assert asked == {"druid": 3, "lease": 1, "s3": 1}
    Tally().add("druid")
    assert asked["druid"] == 3


def test_another_thread_adds_to_the_same_count() -> None:
    with counted() as asked, ThreadPoolExecutor(2) as pool:
        list(pool.map(Tally().add, ["s3"] * 20))
    assert asked == {"s3": 20}


def test_each_call_of_a_sessions_clients_is_one_whatever_is_repeated() -> None:
    with counted() as asked:
        session = counting(counting(boto3.Session("a", "b", region_name="us-east-1")))
        s3 = session.client("s3", endpoint_url="http://127.0.0.1:9", config=ONCE_AGAIN)
        with pytest.raises(EndpointConnectionError):
            s3.list_buckets()
    assert asked == {"s3": 1}


def test_the_lease_is_counted_apart() -> None:
    with counted() as asked:
        LeaseShelf(CountingStore(), boundaries().phi, "patient_vitals").read()
    assert asked == {"lease": 1}
