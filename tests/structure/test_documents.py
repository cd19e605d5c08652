"""What README and docs/ say is true: commands work, names exist, pages are current, the site builds by itself."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer

import documents
from documents import (
    AT_ONCE,
    BY_ANOTHER_TEST,
    DOCUMENTS,
    IN_A_FRESH_HOME,
    ON_THE_SANDBOX,
    ROOT,
    THE_TESTS_THEMSELVES,
    commands,
    fences,
)
from druid_reindex.cli.main import app
from druid_reindex.model.reference import reference

LANGUAGES = {"bash", "yaml", "ini", "sh"}
# Whole scripts (`sh`), each with the test that runs it.
SCRIPTS = {"evidence-pack.md": "tests/contract/test_evidence_by_hand.py"}
BIN = Path(sys.executable).parent
SITE = """import socket, sys
def refuse(*_): raise OSError("the build asks the network")
socket.socket.connect = socket.getaddrinfo = refuse
from mkdocs.__main__ import cli
cli(sys.argv[1:])
"""
SPEC = {"dataSchema": {"dataSource": "labs", "dimensionsSpec": {"dimensions": ["code"]}, "metricsSpec": []}}
by_name = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The script's end, in a clean environment that knows this Python's commands and no account."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    env = kept | {"PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "120"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def all_commands() -> list[documents.Command]:
    return [command for document in DOCUMENTS for command in commands(document)]


def test_there_are_documents() -> None:
    assert {"README.md", "index.md", "runbook.md", "first-night-aws.md"} <= {path.name for path in DOCUMENTS}
    assert len(all_commands()) > 40


@by_name
def test_every_block_is_of_a_known_kind_and_shell_is_shell(document: Path) -> None:
    for fence in fences(document):
        assert fence.language in LANGUAGES, fence
        if fence.language == "sh":
            assert (ROOT / SCRIPTS[document.name]).is_file()
        if fence.language in {"bash", "sh"}:
            parsed = subprocess.run(["bash", "-n"], input=fence.body, capture_output=True, text=True, check=False)
            assert parsed.returncode == 0, f"{fence}: {parsed.stderr}"


def test_every_command_is_run_by_a_test_or_needs_aws() -> None:
    known = AT_ONCE | ON_THE_SANDBOX | IN_A_FRESH_HOME | THE_TESTS_THEMSELVES | BY_ANOTHER_TEST.keys()
    unknown = [f"{each.fence}: {each.text}" for each in all_commands() if not each.fence.needs_aws]
    unknown = [line for line in unknown if line.split(": ", 1)[1] not in known]
    assert not unknown, "say in tests/documents.py which test runs it, or begin its block with '# needs AWS'"


def test_no_command_is_listed_that_no_document_shows() -> None:
    shown = {each.text for each in all_commands()}
    listed = [AT_ONCE, ON_THE_SANDBOX, IN_A_FRESH_HOME, THE_TESTS_THEMSELVES, frozenset(BY_ANOTHER_TEST)]
    assert set(chain.from_iterable(listed)) <= shown
    assert sum(map(len, listed)) == len(set(chain.from_iterable(listed)))


@pytest.mark.parametrize(("command", "test"), BY_ANOTHER_TEST.items())
def test_the_other_test_exists(command: str, test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, command


@by_name
def test_what_can_be_run_at_once_works(document: Path, tmp_path: Path) -> None:
    for name in ("dags", "emr_configs", "sql"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "index_hadoop.json").write_text(json.dumps(SPEC))
    lines = [each.text for each in commands(document) if not each.fence.needs_aws and each.text in AT_ONCE]
    done = shell("\n".join([*lines, "echo all was run"]), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("all was run")


def test_make_test_runs_every_kind_of_test() -> None:
    done = shell(f"make --dry-run --directory {ROOT} test", ROOT)
    assert done.returncode == 0, done.stderr
    for part in ("ruff check", "mypy", "lint-imports", "not sandbox and not soak and not package", "-m package",
                 "sandbox and not soak"):  # fmt: skip
        assert part in done.stdout, part


@cache
def click_root() -> Any:
    return typer.main.get_command(app)


@by_name
def test_every_command_that_is_named_exists_with_its_options(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`|\(|bin/)druid-reindex ([a-z-][^`\n|;)]*)", text, re.MULTILINE)
    for words in (each.split() for each in named):
        found = command_of(words)
        options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = {word for word in words if re.fullmatch(r"--[a-z-]+", word)} - options - {"--help"}
        assert not unknown, f"{document.name}: {' '.join(words)}"


def command_of(words: list[str]) -> Any:
    """The command that the words name; more words are its arguments."""
    found = click_root()
    for word in words:
        if word.startswith("-") or not hasattr(found, "get_command"):
            return found
        inner = found.get_command(None, word)
        assert inner is not None, f"no such command: druid-reindex {' '.join(words)}"
        found = inner
    return found


@by_name
def test_every_target_that_is_named_can_be_made(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", document.read_text(encoding="utf-8"))) <= {
        pair for target in targets for pair in ((target, ""), ("", target))
    }


@by_name
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "#")):
            assert (document.parent / target.partition("#")[0]).exists(), f"{document.name}: {target}"


def test_the_page_of_fields_is_the_codes_own() -> None:
    assert (ROOT / "docs" / "fields.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_the_site_builds_strictly_without_the_network_and_asks_no_other_host(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SITE, "build", "--strict", "--config-file", str(ROOT / "docs/mkdocs/mkdocs.yml"),
         "--site-dir", str(tmp_path / "site")],
        capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(DOCUMENTS) - 1
    for page in pages:
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*\"", html)
        assert not loaded, f"{page.name}: {loaded}"
