"""One log file, whole or changed."""

from __future__ import annotations

import gzip
import hashlib

from druid_reindex.evidence.trail_chain import Verdict
from druid_reindex.evidence.trail_digest import LogEntry
from druid_reindex.evidence.trail_log import check_log
from druid_reindex.evidence.trail_search import Searcher
from trail_account import event, log_text

TEXT = log_text(event(1), event(2), event(3))
ENTRY = LogEntry("bucket", "key", hashlib.sha256(TEXT).hexdigest())
SEARCHER = Searcher(frozenset({"ASIA0000000000000002"}))


def test_a_whole_file_gives_its_hits() -> None:
    checked = check_log(ENTRY, gzip.compress(TEXT), SEARCHER)
    assert (checked.verdict, checked.size_bytes) == (Verdict.VALID, len(TEXT))
    assert [each.request_id for each in checked.events] == ["0000000000000002"]
    assert check_log(ENTRY, gzip.compress(TEXT)).events == ()


def test_a_changed_one_gives_none() -> None:
    checked = check_log(ENTRY, gzip.compress(TEXT.replace(b"GetObject", b"PutObject", 1)), SEARCHER)
    assert (checked.verdict, checked.why, checked.events) == (Verdict.INVALID, "hash value doesn't match", ())
    assert str(checked) == "log s3://bucket/key: INVALID: hash value doesn't match"


def test_missing_cut_off_and_of_another_hash() -> None:
    assert check_log(ENTRY, None, SEARCHER).verdict is Verdict.MISSING
    assert "invalid format" in check_log(ENTRY, gzip.compress(TEXT)[:-9], SEARCHER).why
    other = LogEntry("bucket", "key", ENTRY.hash_value, "SHA3-256")
    assert "SHA3-256" in check_log(other, gzip.compress(TEXT), SEARCHER).why


def test_a_file_whose_hash_holds_and_that_is_no_log_is_told() -> None:
    text = b'{"Records":[{"about":"ASIA0000000000000002"}]}'
    entry = LogEntry("bucket", "key", hashlib.sha256(text).hexdigest().upper())
    assert "no CloudTrail log" in check_log(entry, gzip.compress(text), SEARCHER).why
    assert check_log(entry, gzip.compress(text)).verdict is Verdict.VALID
