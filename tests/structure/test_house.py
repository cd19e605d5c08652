"""The house keeps its shape: rooms, sizes, names, and a test for each module."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "provider" / "druid_reindex"
MODULES = sorted(SOURCE.rglob("*.py"))
TOP_LEVEL = {
    "dags", "provider", "emr_configs", "sql", "tests", "docs", "docker-compose.yml", "pyproject.toml", "README.md",
    "Makefile", "LICENSE", "CHANGELOG.md", "requirements.lock",
}  # fmt: skip
ROOMS = {"model", "plan", "posture", "quality", "evidence", "clients", "operators", "cli", "sandbox"}
EMPTY_NAMES = {"utils", "util", "common", "base", "helpers", "misc"}
# Modules that no test of their own name exercises, and the test that does. This list may only shrink.
TESTED_ELSEWHERE: dict[str, str] = {
    "cli/__main__.py": "tests/unit/cli/test_main.py",
}


def tracked() -> list[str]:
    """The paths that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for path in listed.stdout.splitlines() if (ROOT / path).is_file()]


def relative(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_nothing_else_at_the_top_level() -> None:
    found = {path.split("/")[0] for path in tracked()}
    assert {name for name in found if not name.startswith(".")} <= TOP_LEVEL


def test_rooms_are_the_designed_ones() -> None:
    found = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert found == ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_each_room_opens_with_its_essay(room: str) -> None:
    essay = ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text())) or ""
    assert len(essay) > 150
    assert "import" in essay
    assert "cost" in essay


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_small_and_well_named(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in EMPTY_NAMES
    for function in functions(path):
        assert (function.end_lineno or 0) - function.lineno < 60, f"{function.name} is too long"


def test_functions_are_short_on_the_whole() -> None:
    lengths = sorted((f.end_lineno or 0) - f.lineno + 1 for path in MODULES for f in functions(path))
    assert lengths[len(lengths) // 2] <= 20
    assert lengths[len(lengths) * 99 // 100] <= 40


@pytest.mark.parametrize("path", [m for m in MODULES if m.name != "__init__.py"], ids=relative)
def test_each_module_has_its_test(path: Path) -> None:
    name = relative(path)
    expected = TESTED_ELSEWHERE.get(name) or f"tests/unit/{Path(name).parent}/test_{path.stem}.py"
    assert (ROOT / expected.replace("/./", "/")).is_file(), f"{name} needs {expected}"


def test_dag_files_have_no_logic() -> None:
    for path in (ROOT / "dags").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 80
        assert not functions(path)


def test_no_address_of_a_registry_and_no_path_of_a_machine() -> None:
    places = re.compile(r"(pypi\.org|pythonhosted|repo1?\.maven|maven\.org|registry\.npmjs|/work\b|/root/\.)")
    found = []
    for path in tracked():
        if path == "tests/structure/test_house.py":
            continue
        text = (ROOT / path).read_text(errors="replace")
        found += [f"{path}: {match.group()}" for match in places.finditer(text)]
    assert not found


def test_each_dependency_is_justified_on_its_line() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    requirements = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    for requirement in requirements:
        line = next(line for line in text.splitlines() if f'"{requirement}"' in line)
        assert re.search(r"# \S+", line), f"{requirement} has no reason"


def test_the_lock_has_hashes_and_no_urls() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "http://" not in lock
    assert "https://" not in lock
    pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*==", lock, re.MULTILINE)
    assert len(pinned) > 150
    assert lock.count("--hash=sha256:") >= len(pinned)
