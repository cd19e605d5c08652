"""Lines name the line before them; what is no line of a chain is told apart."""

from __future__ import annotations

import json
import subprocess

import pytest

import packs
from druid_reindex.evidence.chain import START, chained, field_digests, read, split
from druid_reindex.model.identity import canonical, digest

CHAIN = chained(packs.told())


def test_each_line_names_the_one_before_it_as_sha256sum_says_it() -> None:
    lines = split(CHAIN)
    assert json.loads(lines[0])["previous"] == START
    for number in range(1, len(lines)):
        said = subprocess.run(["sha256sum"], input=lines[number - 1], capture_output=True, check=True).stdout
        assert json.loads(lines[number])["previous"] == said.split()[0].decode()


def test_a_line_reads_back_with_a_digest_of_each_field() -> None:
    line = read(split(CHAIN)[1])
    assert line is not None
    assert (line.index, line.kind, line.state, line.sha256) == (1, "asked", "told", digest(split(CHAIN)[1]))
    assert line.fields == field_digests(packs.told()[1].body)
    assert line.fields["by"] == digest(b'"ada"')


def test_equal_parts_give_equal_bytes() -> None:
    assert chained(packs.told()) == CHAIN


def test_a_file_that_was_cut_short_ends_within_a_line() -> None:
    assert split(CHAIN)[-1].endswith(b"\n")
    cut = split(CHAIN[:-9])
    assert (len(cut), cut[-1].endswith(b"\n")) == (len(split(CHAIN)), False)
    assert split(b"") == []


@pytest.mark.parametrize("change", [
    lambda told: told.pop("previous"),
    lambda told: told.update(more=1),
    lambda told: told.update(body=[1]),
    lambda told: told.pop("body"),
])  # fmt: skip
def test_a_line_with_other_fields_is_none(change: object) -> None:
    told = json.loads(split(CHAIN)[1])
    change(told)  # type: ignore[operator]
    assert read(canonical(told) + b"\n") is None


@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", b"{\n", b'"index"\n', b"\xff\n", b"[" * 100_000, b"1\n"])
def test_what_is_no_line_is_none(line: bytes) -> None:
    assert read(line) is None


def test_the_same_content_written_otherwise_is_none() -> None:
    told = json.loads(split(CHAIN)[1])
    assert read(json.dumps(told).encode() + b"\n") is None
    assert read(split(CHAIN)[1].rstrip(b"\n")) is None
