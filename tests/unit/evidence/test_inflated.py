"""A gzip file, whole and nothing else."""

from __future__ import annotations

import gzip
import os
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.evidence.inflated import MOST_BYTES, NotGzipError, inflate

TEXT = b'{"Records":[]}' * 1000
BODY = gzip.compress(TEXT)


def test_what_was_compressed_comes_back() -> None:
    assert inflate(BODY) == TEXT
    assert inflate(gzip.compress(b"")) == b""


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=3000), st.sampled_from([1, 6, 9]))
def test_anything_comes_back(text: bytes, level: int) -> None:
    assert inflate(gzip.compress(text, level)) == text


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x1f\x8b", b"no gzip at all", BODY[:-1], BODY[:-8], BODY[:50], BODY[1:],
        BODY + b"x", BODY + BODY, BODY + b"x" * 20, BODY + b"garbage" + BODY[-8:], BODY + b"garbage!" + BODY[-4:],
        BODY[:-8] + b"\0\0\0\0" + BODY[-4:], BODY[:-4] + struct.pack("<I", len(TEXT) + 1),
        BODY[:-4] + struct.pack("<I", MOST_BYTES + 1), BODY[:-4] + b"\xff\xff\xff\xff", zlib.compress(TEXT),
    ],
    ids=range(17),
)  # fmt: skip
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(NotGzipError):
        inflate(body)


def test_a_size_that_stands_twice_by_chance_is_no_fault() -> None:
    text = os.urandom(500)
    while True:
        size = struct.pack("<I", len(text))
        body = gzip.compress(text + size, 0)
        if struct.pack("<I", len(text) + 4) in body[:-4]:
            break
        text = text + struct.pack("<I", len(text) + 8)
    assert inflate(body) == gzip.decompress(body)
