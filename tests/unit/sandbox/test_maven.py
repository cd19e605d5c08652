"""POMs and the call of Maven, against a stand-in `mvn` that records how it is called."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from druid_reindex.sandbox import maven
from druid_reindex.sandbox.maven import Artifact, MavenError, Pom

NS = {"m": "http://maven.apache.org/POM/4.0.0"}
STAND_IN = """#!{python}
import json, os, pathlib, sys
arguments = sys.argv[1:]
files = {{name: pathlib.Path(arguments[arguments.index(name) + 1]).read_text() for name in ("-f", "-gs") if name in arguments}}
seen = {{"arguments": arguments, "files": files, "repository": os.environ.get("DRX_MAVEN_REPOSITORY")}}
with open({calls!r}, "a") as log:
    log.write(json.dumps(seen) + "\\n")
if any(argument.startswith("help:") for argument in arguments):
    print("\\x1b[0mhttps://mirror.example/maven\\x1b[0m")
if "fail" in files["-f"]:
    print("\\x1b[1;31mERROR\\x1b[m could not find artifact fail")
    sys.exit(1)
"""  # noqa: E501


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    log, folder = tmp_path / "calls", tmp_path / "bin"
    folder.mkdir()
    (folder / "mvn").write_text(STAND_IN.format(python=sys.executable, calls=str(log)))
    (folder / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv(maven.REPOSITORY_VARIABLE, raising=False)
    maven.repository.cache_clear()
    yield log
    maven.repository.cache_clear()


def read(calls: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in calls.read_text().splitlines()]


def test_a_pom_names_what_is_wanted_and_what_is_left_out() -> None:
    pom = Pom("core", (Artifact("org.a:one:1", ("org.b:two",)), Artifact("org.c:three:3")), Artifact("org.a:bom:1"))
    project = ElementTree.fromstring(pom.xml())
    wanted = project.findall("m:dependencies/m:dependency", NS)
    assert [d.findtext("m:artifactId", None, NS) for d in wanted] == ["one", "three"]
    assert wanted[0].findtext("m:exclusions/m:exclusion/m:artifactId", None, NS) == "two"
    imported = project.find("m:dependencyManagement/m:dependencies/m:dependency", NS)
    assert imported is not None
    assert [imported.findtext(f"m:{tag}", None, NS) for tag in ("artifactId", "type", "scope")] == [
        "bom",
        "pom",
        "import",
    ]


def test_without_a_bom_nothing_is_managed() -> None:
    assert "dependencyManagement" not in Pom("core", (Artifact("a:b:1"),)).xml()


def test_the_repository_is_mavens_own_for_an_empty_project(calls: Path, tmp_path: Path) -> None:
    maven.copy_jars(Pom("core", (Artifact("a:b:1"),)), tmp_path / "jars")
    evaluated, copied = read(calls)
    assert "-gs" not in evaluated["arguments"]
    assert copied["repository"] == "https://mirror.example/maven"
    assert f"-DoutputDirectory={tmp_path / 'jars'}" in copied["arguments"]
    assert "-DincludeScope=runtime" in copied["arguments"]


def test_the_users_repository_comes_first(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(maven.REPOSITORY_VARIABLE, "https://own.example")
    maven.copy_jars(Pom("core", (Artifact("a:b:1"),)), tmp_path)
    (copied,) = read(calls)
    assert copied["repository"] == "https://own.example"


def test_no_host_is_written_into_a_file(calls: Path, tmp_path: Path) -> None:
    maven.copy_jars(Pom("core", (Artifact("a:b:1"),)), tmp_path)
    for call in read(calls):
        for text in call["files"].values():  # type: ignore[attr-defined]
            assert "https://" not in text
    assert "${env.DRX_MAVEN_REPOSITORY}" in read(calls)[-1]["files"]["-gs"]  # type: ignore[index]


def test_what_maven_said_is_in_the_error_without_colours(calls: Path, tmp_path: Path) -> None:
    with pytest.raises(MavenError, match="ERROR could not find artifact fail") as raised:
        maven.copy_jars(Pom("fail", (Artifact("a:fail:1"),)), tmp_path)
    assert "\x1b" not in str(raised.value)
    assert "dependency:copy-dependencies" in str(raised.value)


def test_a_machine_without_maven_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(maven.REPOSITORY_VARIABLE, "https://own.example")
    with pytest.raises(MavenError, match="install Maven"):
        maven.copy_jars(Pom("core", (Artifact("a:b:1"),)), tmp_path)
