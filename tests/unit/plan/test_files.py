"""Which files a chunk may be built from."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.plan.files import Listings, files_digest, folders
from timelines import pipeline, span
from twins import EPOCH

BUCKET = "s3://drx-phi-111122223333"
FIRST, SECOND = span("09-01/09-02"), span("09-02/09-03")


def reading(*paths: str) -> Pipeline:
    inputs = [{"type": "datasource", "datasource": "patient_vitals"}, {"type": "static", "paths": list(paths)}]
    return pipeline(datasource="patient_snapshot", inputs=inputs)


def listed(subject: Pipeline, found: Iterable[tuple[str, str]]) -> Listings:
    objects = [StoredObject(S3Uri.parse(f"{BUCKET}/{key}"), EPOCH, etag) for key, etag in found]
    return {folder: [each for each in objects if folder.covers(each.uri)] for folder in folders(subject)}


def test_a_pipeline_without_addresses_lists_nothing() -> None:
    assert folders(pipeline()) == ()
    assert files_digest(pipeline(), {}, FIRST) == ""


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("in/", "in/"), ("in/a.json", "in"), ("in/{day}/", "in"), ("in/{day}.json", "in"), ("in/*.json", "in"),
        ("in/x-{day}-[ab]/", "in"), ("a.json", ""),
    ],
)  # fmt: skip
def test_the_folder_of_an_address_is_listed(path: str, folder: str) -> None:
    (found,) = folders(reading(f"{BUCKET}/{path}"))
    assert (found.bucket, found.key) == ("drx-phi-111122223333", folder)


@pytest.mark.parametrize("path", ["in/{day}/", "in/{day}", "in/{day}.json", "in/{day}*", "in/{day}/*.json"])
def test_a_days_file_counts_for_its_day_alone(path: str) -> None:
    subject = reading(f"{BUCKET}/{path}")
    name = path.replace("*", "").replace("{day}", "2026-09-02").removesuffix("/.json")
    key = name if name.endswith(".json") else f"{name.rstrip('/')}/part"
    before, after = listed(subject, [(key, "e1")]), listed(subject, [(key, "e2")])
    assert files_digest(subject, before, FIRST) == files_digest(subject, after, FIRST) != ""
    assert files_digest(subject, before, SECOND) != files_digest(subject, after, SECOND)
    assert files_digest(subject, listed(subject, []), SECOND) != files_digest(subject, before, SECOND)


@pytest.mark.parametrize("path", ["in/", "in/part", "in/p*"])
def test_other_addresses_count_for_every_day(path: str) -> None:
    subject = reading(f"{BUCKET}/{path}")
    before, after = (listed(subject, [("in/part", etag), ("inside/part", "x")]) for etag in ("e1", "e2"))
    assert all(files_digest(subject, before, day) != files_digest(subject, after, day) for day in (FIRST, SECOND))


def test_what_lies_beside_an_address_says_nothing() -> None:
    subject = reading(f"{BUCKET}/in/part", f"{BUCKET}/in/{{day}}/")
    before = listed(subject, [("in/part", "e")])
    after = listed(subject, [("in/part", "e"), ("in/party", "x"), ("in/2026-09-03/a", "x"), ("in/2026-09-011/a", "x")])
    assert files_digest(subject, before, FIRST) == files_digest(subject, after, FIRST)
