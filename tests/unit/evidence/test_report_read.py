"""What a run's packs tell together."""

from __future__ import annotations

import json
from dataclasses import replace

import told_nights
from druid_reindex.evidence.chain import split
from druid_reindex.evidence.parts import Kind, State, unread
from druid_reindex.evidence.report_read import read_packs
from druid_reindex.model.identity import canonical
from told_nights import FOREIGN, confirmed, evidence, files, night
from twins import FakeSigner

KEYS = [FakeSigner().public_key()]


def test_a_supplement_says_what_the_first_pack_left_open() -> None:
    found = evidence(night(supplement=confirmed(FOREIGN)))
    assert len(found.packs) == 2
    assert found.words[Kind.MATCHES].pack == "0001.jsonl"
    assert found.told(Kind.FINDINGS)["findings"][0]["principal"] == FOREIGN.principal
    assert not found.untold(State.PENDING)


def test_what_was_told_once_is_not_forgotten_when_a_supplement_cannot_read_it_again() -> None:
    found = evidence(night(supplement={Kind.POSTURE: unread(Kind.POSTURE, "HTTP 503")}))
    assert found.words[Kind.POSTURE].state is State.TOLD
    assert found.words[Kind.POSTURE].pack == "0000.jsonl"


def test_a_pending_part_says_why() -> None:
    found = evidence(night())
    assert {word.kind for word in found.untold(State.PENDING)} == {
        Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS, Kind.WITNESSES,
    }  # fmt: skip
    assert found.words[Kind.JOURNAL].why == "CloudTrail delivers later"
    assert found.words[Kind.RUN].why == ""
    assert found.told(Kind.JOURNAL) == {}


def test_a_changed_pack_and_those_after_it_tell_nothing() -> None:
    first, second = files(night(supplement=confirmed(FOREIGN)))
    assert second.lines is not None
    found = read_packs([first, replace(second, lines=second.lines.replace(b"analytics", b"anonymous"))], KEYS)
    assert found.changed is not None
    assert "findings" in found.changed.where
    assert [pack.title.sequence for pack in found.packs] == [0]
    assert found.words[Kind.FINDINGS].state is State.PENDING


def test_nothing_is_told_by_a_pack_of_another_key() -> None:
    found = read_packs(files(night()), [FakeSigner(7).public_key()])
    assert found.changed is not None
    assert not found.packs
    assert not found.words


def test_a_part_of_a_later_version_is_not_read_as_this_one() -> None:
    told = told_nights.told()
    newer = evidence([told_nights.signed(told | {Kind.TASKS: replace(told[Kind.TASKS], version=9)})])
    assert newer.words[Kind.TASKS].state is State.UNREAD
    assert "version 9" in newer.words[Kind.TASKS].why


def test_lines_are_those_of_the_file() -> None:
    lines = split(night()[0].lines)
    assert [canonical(json.loads(line)) + b"\n" for line in lines] == lines
