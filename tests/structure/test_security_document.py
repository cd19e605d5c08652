"""docs/security.md: each statement has a source, a test that exists, a proof letter, and somebody whose duty it is."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from druid_reindex.posture.catalogue import catalogue

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
HEADER = "| what holds | rule | source | test | proof | duty |"
NOTHING = "—"
# A source is a page that somebody else answers for, or a section of 45 CFR.
SOURCE = re.compile(r"\]\(https://[^)\s]+\)|\b164\.\d{3}\([a-z]\)")
RULE = re.compile(r"^(S3|KMS|EMR|DRU)-\d\d$")
CLAIMS = re.compile(r"(HIPAA|fully|is|are|be|become|becoming)[ -]compliant", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One row of the page's tables."""

    says: str
    rules: tuple[str, ...]
    source: str
    test: str
    proof: str
    duty: str


def _statement(line: str) -> Statement:
    says, rules, source, test, proof, duty = (cell.strip() for cell in line.strip().strip("|").split(" | "))
    named = () if rules == NOTHING else tuple(rules.split(", "))
    return Statement(says, named, source, test.strip("`"), proof, duty)


def statements() -> list[Statement]:
    """The rows below each header of statements, in order."""
    found, inside = [], False
    for line in PAGE.splitlines():
        inside = line == HEADER or (inside and line.startswith("|"))
        if inside and line != HEADER and not line.startswith("|---"):
            found.append(_statement(line))
    return found


STATEMENTS = statements()
by_statement = pytest.mark.parametrize("each", STATEMENTS, ids=lambda each: each.says[:60])


@cache
def functions(file: str) -> frozenset[str]:
    """The names of the functions in a file of the repository; none when there is no such file."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_page_states_something_in_each_of_its_steps() -> None:
    steps = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    numbered = [step for step in steps if re.match(r"\d+\. ", step)]
    assert [int(step.split(".")[0]) for step in numbered] == [*range(1, len(numbered) + 1)]
    assert all(HEADER in step for step in numbered)
    assert len(STATEMENTS) > 80
    assert len({each.says for each in STATEMENTS}) == len(STATEMENTS)


@by_statement
def test_a_statement_has_a_source_a_letter_and_somebody_whose_duty_it_is(each: Statement) -> None:
    assert SOURCE.search(each.source)
    assert each.proof in {"R", "E", "D", "U"}
    assert each.duty in {"AWS's", "yours", "this provider's"}


@by_statement
def test_what_is_proven_names_a_test_that_exists(each: Statement) -> None:
    if each.test == NOTHING:
        assert each.proof == "U", "what no test shows was never exercised"
        return
    file, _, name = each.test.partition("::")
    assert file.startswith("tests/")
    assert name.startswith("test_")
    assert name in functions(file), each.test


@pytest.mark.parametrize("letter", ["R", "E"])
def test_a_letter_is_what_its_test_can_earn(letter: str) -> None:
    """What ran on a real engine or on emulated AWS is not shown by a test that has neither at hand."""
    earning = {
        "R": (
            "tests/sandbox/",
            "tests/soak/",
            "tests/contract/",
            "tests/dags/",
            "tests/unit/operators/test_general_dags.py",
        ),
        "E": ("tests/sandbox/", "tests/contract/", "tests/unit/sandbox/aws/"),
    }[letter]
    assert [each.says for each in STATEMENTS if each.proof == letter and not each.test.startswith(earning)] == []


def test_every_hard_rule_of_the_account_the_cluster_and_druid_stands_in_the_page_once() -> None:
    named = [rule for each in STATEMENTS for rule in each.rules]
    assert all(RULE.match(rule) for rule in named)
    assert sorted(named) == sorted(rule for rule in catalogue() if RULE.match(rule))


def test_each_duty_is_somebodys() -> None:
    assert {each.duty for each in STATEMENTS} == {"AWS's", "yours", "this provider's"}


def test_what_is_out_of_date_has_todays_equivalent_and_a_source() -> None:
    section = PAGE.partition("## What has changed since")[2]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    for told in ("AES256", "jets3t", "stunnel", "Dedicated tenancy", "consistent view", "Redshift"):
        assert any(told in row.split(" | ")[0] for row in rows), told
    assert all(SOURCE.search(row.split(" | ")[2]) for row in rows)


def test_the_page_claims_no_compliance() -> None:
    assert "controls that support the HIPAA Security Rule" in PAGE
    assert not CLAIMS.search(PAGE)
