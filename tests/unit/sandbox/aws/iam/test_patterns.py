"""Wildcards and variables in the text of policies."""

from __future__ import annotations

from druid_reindex.sandbox.aws.iam.patterns import expanded, matches

ALICE = {"aws:username": ("alice",), "aws:tagkeys": ("a", "b")}


def test_wildcards_and_nothing_else_are_special() -> None:
    assert matches("arn:aws:s3:::b/*.json", "arn:aws:s3:::b/a\nb/c.json")
    assert not matches("a.c", "abc")
    assert not matches("a*", "ba")


def test_without_a_context_a_variable_is_text() -> None:
    assert matches("${aws:username}", "${aws:username}")
    assert not matches("${aws:username}", "alice")
    assert expanded("${aws:username}", None) == "${aws:username}"


def test_a_variable_stands_for_one_value() -> None:
    assert matches("home/${aws:username}/*", "home/alice/x", ALICE)
    assert not matches("home/${aws:tagkeys}/*", "home/a/x", ALICE)
    assert expanded("${aws:username}-${aws:username}", ALICE) == "alice-alice"
    assert expanded("${aws:tagkeys}", ALICE) is None
