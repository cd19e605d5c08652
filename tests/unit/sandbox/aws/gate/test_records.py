"""Decisions as they are kept."""

from __future__ import annotations

import json
from pathlib import Path

from druid_reindex.sandbox.aws.gate import records
from druid_reindex.sandbox.aws.gate.records import Records
from druid_reindex.sandbox.aws.iam.decisions import Outcome, Request
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.iam.replay import Recorded
from druid_reindex.sandbox.home import SandboxHome

ARN = "arn:aws:iam::111122223333:user/alice"
DECISION = Recorded("s3:GetObject", Request(Principal(ARN, ARN, "111122223333"), "s3:GetObject", "*"), Outcome.ALLOWED)


def test_documents_come_before_the_decisions_that_they_took_part_in_and_once(tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_text("an older account's\n")
    kept = Records(file)
    for documents in ({"own": "1"}, {"own": "1"}, {"own": "2"}):
        kept.keep(DECISION, {ARN: documents})
    kept.close()
    kinds = ["documents" in json.loads(line) for line in file.read_text().splitlines()]
    assert kinds == [True, False, False, True, False]


def test_they_are_kept_below_the_home(tmp_path: Path) -> None:
    home = SandboxHome(tmp_path / "home", tmp_path / "cache")
    assert records.file(home).is_relative_to(home.root)
