"""Each statement of the shipped policies is needed: without it a recorded request is denied, or a refused one passes.

The requests are those of `recorded/requests.jsonl`, which `tests/record_requests.py` makes from sandboxes' nights and
from the clients; the policies are those of the account that the templates make now.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from deployed_policies import deployed, named
from druid_reindex.sandbox.aws.iam.decisions import Outcome, message
from druid_reindex.sandbox.aws.iam.patterns import matches
from druid_reindex.sandbox.aws.iam.policies import Effect
from druid_reindex.sandbox.aws.iam.replay import Deployed, Night, Recorded, lost, replay, without
from emulated_account import Emulator
from policy_probes import Probe, probes
from record_requests import kind, recorded

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "iam.md"
CLIENTS = ROOT / "provider" / "druid_reindex" / "clients"
AWS_DOCS = "https://docs.aws.amazon.com/"
SID = re.compile(r"`([^`]+/[^`]+)`")


@pytest.fixture(scope="module")
def policies(emulator: Emulator) -> Deployed:
    return deployed(emulator)


@pytest.fixture(scope="module")
def night(policies: Deployed) -> Night:
    return Night(tuple(recorded().values()), policies)


@pytest.fixture(scope="module")
def needing(night: Night) -> dict[str, list[Recorded]]:
    """By the name of each Allow: the recorded requests that would be denied without it."""
    allows = named(night.deployed, Effect.ALLOW)
    return {name: lost(night, statement, owner) for name, (owner, statement) in allows.items()}


def rows(heading: str) -> list[str]:
    """The rows of the table below a heading of docs/iam.md."""
    section = DOCS.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def told(heading: str) -> set[str]:
    """The names in the first column of that table."""
    return {name for row in rows(heading) for name in SID.findall(row.split("|")[1])}


def test_the_record_is_allowed_by_the_policies_as_they_are(night: Night) -> None:
    assert len(night.decisions) > 200
    refused = [message(each.request, replay(each, night.deployed))
               for each in night.decisions if not replay(each, night.deployed).allowed]  # fmt: skip
    assert refused == []


def test_without_an_allow_a_recorded_request_is_denied_and_the_message_names_the_permission(
    night: Night, needing: dict[str, list[Recorded]]
) -> None:
    allows = named(night.deployed, Effect.ALLOW)
    for name, requests in needing.items():
        owner, statement = allows[name]
        changed = without(night.deployed, statement, owner)
        for each in requests:
            said = message(each.request, replay(each, changed))
            assert f"is not authorized to perform: {each.request.action} on resource: " in said, name
            assert each.request.resource in said
    assert sum(map(bool, needing.values())) > 60


def test_what_no_recorded_request_needs_stands_in_a_table(needing: dict[str, list[Recorded]]) -> None:
    exempt = {name for name, requests in needing.items() if not requests}
    machinery, later = told("Not exercised here"), told("Not asked for yet")
    assert machinery & later == set()
    assert {each for each in machinery | later if " " not in _sid(each)} == exempt


def test_each_use_by_aws_itself_has_its_citation() -> None:
    assert [row for row in rows("Not exercised here") if AWS_DOCS not in row] == []


def test_each_action_of_a_needed_allow_is_asked_for_or_stands_in_a_table(
    night: Night, needing: dict[str, list[Recorded]]
) -> None:
    unasked = {
        f"{name} {action}"
        for name, (owner, statement) in named(night.deployed, Effect.ALLOW).items()
        if needing[name]
        for action in _actions(night.deployed, owner, statement)
        if not any(matches(action.lower(), each.request.action.lower()) for each in needing[name])
    }
    patterns = {each for each in told("Not exercised here") | told("Not asked for yet") if " " in _sid(each)}
    assert [each for each in unasked if not any(fnmatchcase(each, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(each, pattern) for each in unasked)] == []


def _sid(name: str) -> str:
    return name.partition("/")[2]


def _actions(of: Deployed, owner: str, statement: str) -> Iterator[str]:
    policy, _, sid = statement.partition("/")
    written = json.loads(of[owner][policy])["Statement"]
    for place, each in enumerate(written, start=1):
        if (each.get("Sid") or str(place)) == sid:
            yield from [each["Action"]] if isinstance(each["Action"], str) else each["Action"]


def test_every_deny_has_a_probe(policies: Deployed) -> None:
    assert {deny for probe in probes() for deny in probe.denies} == named(policies, Effect.DENY).keys()


@pytest.mark.parametrize("probe", list(probes()), ids=str)
def test_a_deny_refuses_its_probe_and_without_it_the_probe_passes(policies: Deployed, probe: Probe) -> None:
    denies = named(policies, Effect.DENY)
    mine = [denies[name] for name in probe.denies]
    for own in mine:
        alone = probe.decision(policies, [other for other in mine if other != own])
        assert (alone.outcome, alone.statements) == (Outcome.EXPLICIT_DENY, (own[1],))
    assert probe.decision(policies, mine).allowed


def test_the_record_has_what_the_clients_ask_now(tmp_path: Path) -> None:
    """Asked anew in a process of its own; what a cluster's node asks is compared on real clusters instead."""
    file = tmp_path / "requests.jsonl"
    command = [sys.executable, "tests/record_requests.py", "--without-nodes", "--to", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=400)
    now = recorded(file)
    assert len(now) > 100
    assert [each.line() for name, each in now.items() if name not in recorded()] == []
    assert all(kind(each) == name for name, each in now.items())


def test_the_record_has_every_operation_that_the_clients_name() -> None:
    """An operation that a client comes to use is to be asked for in tests/role_requests.py too."""
    airflow = {each.operation for each in recorded().values() if each.request.principal.identity.endswith("AirflowPhi")}
    used = {each for path in CLIENTS.glob("*.py") for each in operations(ast.parse(path.read_text()))}
    assert len(used) > 30
    assert used - airflow == {"sts:GetCallerIdentity"}  # it needs no permission


def operations(module: ast.Module) -> Iterator[str]:
    """The operations of AWS that a module names, as methods or to a paginator."""
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    texts = [(_method(call), str(call.args[0].value)) for call in calls
             if call.args and isinstance(call.args[0], ast.Constant)]  # fmt: skip
    named = {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    named |= {text for method, text in texts if method == "get_paginator"}
    for service in {text for method, text in texts if method in {"client", "create_client"}}:
        model = botocore.session.get_session().get_service_model(service)
        yield from (f"{service}:{each}" for each in model.operation_names if xform_name(each) in named)


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
