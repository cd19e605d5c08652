"""Whatever is changed in a pack is found, and the first of it named; what was not changed is verified."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import packs
from druid_reindex.evidence.chain import HEAD, split
from druid_reindex.evidence.dsse import Envelope, read_envelope
from druid_reindex.evidence.pack import Pack
from druid_reindex.evidence.verify import Changed, Files, Verified, verify, verify_all
from druid_reindex.model.identity import canonical, digest
from twins import FakeSigner

KEYS = [FakeSigner().public_key()]
PACK = packs.packed()
LINES = split(PACK.lines)


def told(lines: bytes, envelope: bytes = PACK.envelope) -> Changed:
    """What is said of a pack that was changed."""
    said = verify(Files(0, lines, envelope), KEYS)
    assert isinstance(said, Changed)
    return said


def rechained(lines: list[bytes]) -> bytes:
    """The lines by somebody who knows how a chain is made: each names the one before it again."""
    made, previous = [], "0" * 64
    for index, line in enumerate(lines):
        made.append(canonical(json.loads(line) | {"index": index, "previous": previous}) + b"\n")
        previous = digest(made[-1])
    return b"".join(made)


def resigned(pack: Pack, change: Callable[[dict[str, Any]], object], signer: FakeSigner | None = None) -> bytes:
    """The envelope of a statement that was changed and signed anew."""
    found, signer = read_envelope(pack.envelope), signer or FakeSigner()
    assert found is not None
    statement = json.loads(found.payload)
    change(statement)
    unsigned = Envelope(canonical(statement), signer.public_key().fingerprint, b"")
    return replace(unsigned, signature=signer.sign(unsigned.signed)).to_json()


def test_an_unchanged_pack_is_verified() -> None:
    said = verify(packs.files(PACK, packs.RUN), KEYS)
    assert isinstance(said, Verified)
    assert (said.title, said.sha256, said.lines) == (packs.TITLE, PACK.sha256, len(LINES))
    assert said.fingerprint == KEYS[0].fingerprint
    assert said.untold == {
        "pending": ["journal", "matches", "findings", "witnesses"], "unread": ["attestation"], "absent": ["rollback"]
    }  # fmt: skip


def fields() -> Iterator[tuple[int, str]]:
    """Each field of each line: those of its head and those of its body."""
    for number, line in enumerate(LINES):
        yield from ((number, name) for name in HEAD)
        yield from ((number, f"body.{name}") for name in json.loads(line)["body"])


def flipped(line: bytes, field: str) -> bytes:
    told = json.loads(line)
    holder, name = (told["body"], field.removeprefix("body.")) if "." in field else (told, field)
    value = holder[name]
    holder[name] = value + 1 if isinstance(value, int) else f"{value}." if isinstance(value, str) else {"other": value}
    return canonical(told) + b"\n"


@pytest.mark.parametrize(("number", "field"), list(fields()))
def test_each_field_that_is_flipped_is_named(number: int, field: str) -> None:
    lines = [*LINES[:number], flipped(LINES[number], field), *LINES[number + 1 :]]
    kind = json.loads(LINES[number])["kind"]
    assert told(b"".join(lines)).where == f"0000.jsonl line {number + 1} ({kind}), field {field}"


@pytest.mark.parametrize(("number", "field"), [each for each in fields() if each[1].startswith("body.")])
def test_also_when_the_chain_was_made_anew_after_it(number: int, field: str) -> None:
    lines = [*LINES[:number], flipped(LINES[number], field), *LINES[number + 1 :]]
    assert told(rechained(lines)).where.endswith(
        f"line {number + 1} ({json.loads(lines[number])['kind']}), field {field}"
    )


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_field_that_is_added_or_taken_out_is_named(number: int) -> None:
    line = json.loads(LINES[number])
    added = canonical(line | {"body": line["body"] | {"zz": 1}}) + b"\n"
    said = told(b"".join([*LINES[:number], added, *LINES[number + 1 :]]))
    assert said.where.endswith("field body.zz")
    assert "added" in said.means
    gone = min(line["body"])
    line["body"].pop(gone)
    said = told(b"".join([*LINES[:number], canonical(line) + b"\n", *LINES[number + 1 :]]))
    assert (said.where.rpartition(" ")[2], said.found) == (f"body.{gone}", "missing")


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_line_that_is_dropped_is_named(number: int) -> None:
    said = told(b"".join([*LINES[:number], *LINES[number + 1 :]]))
    assert said.where.startswith(f"0000.jsonl line {number + 1} (")
    is_last = number == len(LINES) - 1
    assert said.means == (f"The file was cut short: {len(LINES)} lines were signed." if is_last else
                          "The line was taken out.")  # fmt: skip


def test_a_line_that_is_dropped_and_rechained_is_found() -> None:
    said = told(rechained([*LINES[:3], *LINES[4:]]))
    assert (said.where, said.found) == ("0000.jsonl line 4 (plan), field kind", "'posture'")


@pytest.mark.parametrize(("one", "other"), [(0, 1), (2, 9), (17, 18)])
def test_lines_that_changed_places_are_named(one: int, other: int) -> None:
    lines = list(LINES)
    lines[one], lines[other] = lines[other], lines[one]
    said = told(b"".join(lines))
    assert said.where.startswith(f"0000.jsonl line {one + 1} (")
    assert (said.found, said.means) == (f"line {other + 1} stands here", "Lines have changed places.")


def test_a_line_that_is_put_in_or_added_is_named() -> None:
    strange = flipped(LINES[4], "index")
    said = told(b"".join([*LINES[:4], strange, *LINES[4:]]))
    assert said.where == "0000.jsonl line 5 (posture)"
    assert said.means == "A line was put in before it."
    assert told(PACK.lines + strange).found == "a line more than was signed"
    assert told(PACK.lines + b"\n").found == "a line more than was signed"
    assert told(PACK.lines + LINES[0]).found == "a line more than was signed"


def test_a_line_of_another_pack_is_named() -> None:
    other = split(packs.packed(replace(packs.TITLE, run=packs.OTHER_RUN)).lines)
    said = told(b"".join([*LINES[:2], other[2], *LINES[3:]]))
    assert said.where == "0000.jsonl line 3 (code), field previous"
    assert "another pack" in said.means


@pytest.mark.parametrize("kept", [0, 1, len(PACK.lines) // 2, len(PACK.lines) - 1])
def test_a_file_that_was_cut_short_is_told_as_such(kept: int) -> None:
    said = told(PACK.lines[:kept])
    assert said.means.startswith("The file was cut short")


def test_the_same_content_written_otherwise_is_a_change() -> None:
    loose = json.dumps(json.loads(LINES[2])).encode() + b"\n"
    assert told(b"".join([*LINES[:2], loose, *LINES[3:]])).where == "0000.jsonl line 3 (code)"
    assert told(PACK.lines.replace(b"\n", b"\r\n")).where == "0000.jsonl line 1 (run)"


def test_no_byte_of_the_lines_can_be_changed() -> None:
    for at in range(0, len(PACK.lines), 3):
        changed = PACK.lines[:at] + bytes([PACK.lines[at] ^ 1]) + PACK.lines[at + 1 :]
        assert isinstance(verify(Files(0, changed, PACK.envelope), KEYS), Changed), at


def test_no_byte_of_the_envelope_can_be_changed() -> None:
    for at in range(0, len(PACK.envelope), 7):
        changed = PACK.envelope[:at] + bytes([PACK.envelope[at] ^ 1]) + PACK.envelope[at + 1 :]
        assert isinstance(verify(Files(0, PACK.lines, changed), KEYS), Changed), at


def test_a_pack_that_was_signed_anew_by_another_key_is_found() -> None:
    mallory = FakeSigner(666)
    said = told(packs.packed(signer=mallory).lines, packs.packed(signer=mallory).envelope)
    assert said.where == "0000.dsse.json, field signatures.keyid"
    assert mallory.public_key().fingerprint in said.found


def test_nor_does_it_help_to_name_the_trusted_key() -> None:
    found = read_envelope(packs.packed(signer=FakeSigner(666)).envelope)
    assert found is not None
    said = told(PACK.lines, replace(found, key_id=KEYS[0].fingerprint).to_json())
    assert said.where == "0000.dsse.json, field payload or signatures.sig"


def test_without_a_key_nothing_is_verified() -> None:
    said = verify(packs.files(PACK), [])
    assert isinstance(said, Changed)
    assert "no key" in said.found


@pytest.mark.parametrize(("lines", "envelope", "where"), [
    (None, PACK.envelope, "0000.jsonl"), (PACK.lines, None, "0000.dsse.json"), (PACK.lines, b"{}", "0000.dsse.json"),
])  # fmt: skip
def test_a_missing_or_unreadable_file_is_named(lines: bytes | None, envelope: bytes | None, where: str) -> None:
    said = verify(Files(0, lines, envelope), KEYS)
    assert isinstance(said, Changed)
    assert said.where == where


@pytest.mark.parametrize("change", [
    lambda told: told.update(_type="https://in-toto.io/Statement/v0.1"),
    lambda told: told.update(predicateType="https://slsa.dev/provenance/v1"),
    lambda told: told["predicate"]["pack"].update(protocol=2),
    lambda told: told["predicate"].pop("lines"),
    lambda told: told["predicate"]["lines"][0].update(more=1),
    lambda told: told.update(subject=[]),
])  # fmt: skip
def test_a_signed_statement_of_another_kind_is_no_pack(change: Callable[[dict[str, Any]], object]) -> None:
    assert "no statement of a kind" in told(PACK.lines, resigned(PACK, change)).found


@pytest.mark.parametrize(("change", "where"), [
    (lambda told: told["subject"][0].update(name="else/0000.jsonl"), "0000.dsse.json, field subject"),
    (lambda told: told["subject"][0]["digest"].update(sha256="ab" * 32), "0000.dsse.json, field subject"),
    (lambda told: told["predicate"]["lines"][2].update(previous="ab" * 32), "0000.jsonl line 3 (code), field previous"),
])  # fmt: skip
def test_a_statement_that_contradicts_itself_is_found(change: Callable[[dict[str, Any]], object], where: str) -> None:
    assert told(PACK.lines, resigned(PACK, change)).where == where


def test_supplements_are_verified_in_their_order() -> None:
    said = verify_all([packs.files(pack, packs.RUN) for pack in reversed(packs.series(3))], KEYS)
    assert [each.title.sequence for each in said if isinstance(each, Verified)] == [0, 1, 2]


def test_a_predecessor_that_is_missing_is_named() -> None:
    first, second, third = packs.series(3)
    (said,) = verify_all([packs.files(second)], KEYS)
    assert isinstance(said, Changed)
    assert (said.where, said.found) == ("0000.jsonl", "missing")
    *_, said = verify_all([packs.files(first), packs.files(third)], KEYS)
    assert isinstance(said, Changed)
    assert (said.where, said.found) == ("0001.jsonl", "missing")


def test_a_predecessor_that_was_replaced_by_another_signed_pack_is_named() -> None:
    first, second = packs.series(2)
    other = packs.packed(replace(packs.TITLE, made_at="2026-10-07T00:00:00+00:00"))
    assert isinstance(verify(packs.files(other), KEYS), Verified)
    assert other.sha256 != first.sha256
    *_, said = verify_all([packs.files(other), packs.files(second)], KEYS)
    assert isinstance(said, Changed)
    assert said.where == "0001.dsse.json, field predecessor.sha256"


def test_packs_that_were_swapped_are_named() -> None:
    first, second = packs.series(2)
    (said,) = verify_all([replace(packs.files(second), sequence=0), replace(packs.files(first), sequence=1)], KEYS)
    assert isinstance(said, Changed)
    assert said.means == "Packs of one run have changed places."
    other = packs.packed(replace(packs.TITLE, run=packs.OTHER_RUN))
    (said,) = verify_all([packs.files(other, packs.RUN)], KEYS)
    assert isinstance(said, Changed)
    assert said.means == f"It was put in the place of run {packs.RUN}'s."
    other_second = packs.series(2, packs.OTHER_RUN)[1]
    *_, said = verify_all([packs.files(first), packs.files(other_second)], KEYS)
    assert isinstance(said, Changed)
    assert said.means == f"The pack before it is of run {packs.RUN}."
    mixed = verify(Files(0, other.lines, first.envelope), KEYS)
    assert isinstance(mixed, Changed)
    assert mixed.where == "0000.jsonl line 1 (run), field body.run"


def test_what_was_changed_reads_as_one_sentence_for_a_person() -> None:
    said = told(b"".join([*LINES[:1], flipped(LINES[1], "body.by"), *LINES[2:]]))
    assert str(said) == (
        '0000.jsonl line 2 (asked), field body.by: "ada.". It was changed after it was signed.'
    )  # fmt: skip
