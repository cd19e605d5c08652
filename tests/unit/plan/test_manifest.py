"""Manifests: counts that agree, files below the prefix, and every file mandatory for COPY."""

from __future__ import annotations

import json
from typing import Any

import pytest

from druid_reindex.errors import IntegrityError, ProtocolError
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.manifest import copy_manifest, read_manifest

PREFIX = S3Uri.parse("s3://drx-phi-111122223333/runs/r/unload/claims/1")
MANIFEST = PREFIX / "manifest"


def entry(name: str, rows: int, **other: Any) -> dict[str, Any]:
    return {"url": f"{PREFIX}/{name}", "meta": {"content_length": rows * 10, "record_count": rows}} | other


def body(*entries: dict[str, Any], **other: Any) -> bytes:
    return json.dumps({"entries": entries} | other).encode()


def test_files_come_in_order_with_their_counts() -> None:
    told = read_manifest(
        MANIFEST, body(entry("b", 2), entry("a", 3), meta={"record_count": 5, "content_length": 50}), below=PREFIX
    )
    assert [file.uri.key[-1] for file in told.files] == ["a", "b"]
    assert (told.rows, told.size_bytes, len(told.sha256)) == (5, 50, 64)


def test_copy_may_not_pass_over_a_file() -> None:
    told = read_manifest(MANIFEST, body(entry("a", 3)), below=PREFIX)
    assert json.loads(copy_manifest(told)) == {
        "entries": [{"url": f"{PREFIX}/a", "mandatory": True, "meta": {"content_length": 30}}]
    }


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"entries":[{"url":"s3://b/k"}]}', b'{"entries":[1]}', b"\xff"])
def test_a_manifest_without_counts_is_not_read(text: bytes) -> None:
    with pytest.raises(ProtocolError, match="MANIFEST VERBOSE"):
        read_manifest(MANIFEST, text, below=PREFIX)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (body(entry("a", 3), meta={"record_count": 4}), "4 rows in all, and 3 in its files"),
        (body(entry("a", 3), entry("a", 3)), "a file twice"),
        (body(entry("a", 3, url="s3://drx-phi-111122223333/runs/other/a")), "1 files outside"),
    ],
)
def test_a_manifest_that_is_not_sound_is_refused(text: bytes, told: str) -> None:
    with pytest.raises(IntegrityError, match=told):
        read_manifest(MANIFEST, text, below=PREFIX)
