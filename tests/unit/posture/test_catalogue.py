"""The catalogue and the rules name the same things."""

from __future__ import annotations

import pytest

from druid_reindex.posture.catalogue import Control, catalogue
from druid_reindex.posture.findings import Gate, Phase
from druid_reindex.posture.rules import RULES
from posture_facts import ROOT

CONTROLS = list(catalogue().values())
# Rules that keep a night from failing; they serve no section.
OPERATIONAL = {"EMR-19", "DRU-09", "DRU-10"}


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.rule_id)
def test_a_control_says_what_holds_where_from_and_what_to_do(control: Control) -> None:
    assert control.gate is Gate.HARD
    assert 0 < len(control.title) <= 150
    assert not control.title.startswith("Ensure")
    assert control.source.startswith("https://")
    assert control.remedy
    assert bool(control.hipaa) is (control.rule_id not in OPERATIONAL)
    assert all(each.startswith("164.") for each in control.hipaa)


def test_every_rule_before_a_launch_has_a_function_and_no_other_has_one() -> None:
    assert {control.rule_id for control in CONTROLS if control.phase is Phase.PRE} == set(RULES)


def test_each_rule_says_what_it_looks_at() -> None:
    assert all(rule.judge.__doc__ for rule in RULES.values())


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.rule_id)
def test_the_page_for_people_tells_the_same(control: Control) -> None:
    page = (ROOT / "docs" / "posture.md").read_text(encoding="utf-8")
    serves = "; ".join(control.hipaa) or "operational"
    row = f"| {control.rule_id} | {control.title} | {serves} | [source]({control.source}) | {control.remedy} |"
    assert row in page.splitlines()
