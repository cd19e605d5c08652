"""A pack's statement names the lines, the run's objects, what is not told, and the pack before it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

import packs
from druid_reindex.errors import ProtocolError
from druid_reindex.evidence import parts
from druid_reindex.evidence.chain import split
from druid_reindex.evidence.pack import Pack, draft, redraft, sequence_of
from druid_reindex.evidence.parts import Kind
from druid_reindex.model.identity import digest


def statement(pack: Pack) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(base64.b64decode(json.loads(pack.envelope)["payload"]))
    return told


def test_the_subjects_are_the_lines_and_the_runs_objects() -> None:
    pack = packs.packed()
    assert statement(pack)["subject"] == [
        {"name": f"patient_vitals/{packs.RUN}/0000.jsonl", "digest": {"sha256": digest(pack.lines)}},
        {"name": packs.RECORD.uri, "digest": {"sha256": packs.RECORD.sha256}},
    ]


def test_each_line_and_each_field_is_named() -> None:
    pack = packs.packed()
    lines = statement(pack)["predicate"]["lines"]
    assert [line["kind"] for line in lines] == [part.kind for part in packs.told()]
    assert lines[1]["fields"].keys() == packs.told()[1].body.keys()
    assert lines[1]["previous"] == lines[0]["sha256"] == digest(pack.lines.splitlines(keepends=True)[0])


def test_what_is_not_told_is_said_in_the_statement() -> None:
    predicate = statement(packs.packed())["predicate"]
    assert predicate["pending"] == ["journal", "matches", "findings", "witnesses"]
    assert predicate["unread"] == ["attestation"]
    assert predicate["absent"] == ["rollback"]


def test_a_supplement_names_its_predecessor() -> None:
    first, second = packs.series(2)
    assert statement(first)["predicate"]["predecessor"] is None
    name = f"patient_vitals/{packs.RUN}/0000.jsonl"
    assert statement(second)["predicate"]["predecessor"] == {"name": name, "sha256": first.sha256}


def test_lines_that_were_never_signed_give_the_same_statement() -> None:
    made = draft(packs.told())
    assert redraft(made.lines) == made == draft(packs.told())


def test_what_a_recorded_document_says_is_no_subject() -> None:
    told = packs.told()
    spoof = {"uri": "s3://b/k", "sha256": "00" * 32, "document": None}
    told[4] = parts.told(parts.Posture(replace(packs.RECORD, document={"inner": spoof})))
    made = json.loads(draft(told).statement)
    assert [each["name"] for each in made["subject"][1:]] == [packs.RECORD.uri]


@pytest.mark.parametrize(("sequence", "predecessor"), [(0, "ab" * 32), (1, None)])
def test_only_a_supplement_has_a_predecessor(sequence: int, predecessor: str | None) -> None:
    with pytest.raises(ProtocolError, match="predecessor"):
        draft(packs.told(replace(packs.TITLE, sequence=sequence), predecessor))


def test_a_pack_that_does_not_tell_its_run_is_none() -> None:
    with pytest.raises(ProtocolError, match="tell the run"):
        draft([parts.unread(Kind.RUN, "away"), *packs.told()[1:]])


@pytest.mark.parametrize("lines", [b"", b"{}\n", packs.packed().lines[:-1], b"".join(split(packs.packed().lines)[:-1])])
def test_what_are_no_lines_of_a_pack_is_none(lines: bytes) -> None:
    with pytest.raises(ProtocolError, match="not those of a pack"):
        redraft(lines)


@pytest.mark.parametrize(("name", "number"), [
    ("0000.jsonl", 0), ("0012.dsse.json", 12), ("0003.pem", 3),
    ("12.jsonl", None), ("0000.json", None), ("pack.jsonl", None), ("0000", None), ("0000.jsonl.bak", None),
])  # fmt: skip
def test_the_files_of_a_pack_by_their_names(name: str, number: int | None) -> None:
    assert sequence_of(name) == number
