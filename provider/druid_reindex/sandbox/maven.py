"""Jars from the user's own Maven repository: one POM per set, written from code, resolved by Maven itself.

No registry's host stands in any file. The settings written here send every repository, those that third-party POMs
name included, to `${env.DRX_MAVEN_REPOSITORY}`; its value is the user's, or what Maven uses for an empty project.
They take the place of Maven's global settings, so that mirrors, proxies and credentials in `~/.m2` still count.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from druid_reindex.errors import Terminal

REPOSITORY_VARIABLE = "DRX_MAVEN_REPOSITORY"
MAVEN_SECONDS = 1800.0
_JVM_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NAMESPACE = "http://maven.apache.org/POM/4.0.0"
_SETTINGS = f"""<settings>
  <mirrors><mirror>
    <id>druid-reindex</id><mirrorOf>*</mirrorOf><url>${{env.{REPOSITORY_VARIABLE}}}</url>
  </mirror></mirrors>
</settings>
"""


class MavenError(Terminal):
    """Maven could not resolve or copy what was asked for."""


@dataclass(frozen=True)
class Artifact:
    """One artifact by coordinates `group:artifact:version`; `without` excludes `group:artifact` patterns below it."""

    coordinates: str
    without: tuple[str, ...] = ()

    def xml(self, details: str = "") -> str:
        """Return the `<dependency>` element."""
        left_out = "".join(f"<exclusion>{_identity(pattern)}</exclusion>" for pattern in self.without)
        exclusions = f"<exclusions>{left_out}</exclusions>" if left_out else ""
        return f"<dependency>{_identity(self.coordinates)}{details}{exclusions}</dependency>"


@dataclass(frozen=True)
class Pom:
    """A set of artifacts resolved together; `bom` is the parent whose dependency management applies."""

    name: str
    artifacts: tuple[Artifact, ...]
    bom: Artifact | None = None

    def xml(self) -> str:
        """Return the project file."""
        imported = self.bom.xml("<type>pom</type><scope>import</scope>") if self.bom else ""
        management = f"<dependencyManagement><dependencies>{imported}</dependencies></dependencyManagement>"
        wanted = "".join(artifact.xml() for artifact in self.artifacts)
        return (
            f'<project xmlns="{_NAMESPACE}"><modelVersion>4.0.0</modelVersion>'
            f"<groupId>druid-reindex</groupId><artifactId>{escape(self.name)}</artifactId><version>1</version>"
            f"<packaging>pom</packaging>{management if self.bom else ''}"
            f"<dependencies>{wanted}</dependencies></project>\n"
        )


def copy_jars(pom: Pom, into: Path) -> None:
    """Put the set's artifacts and all that they need at run time into `into`. Raises MavenError."""
    _run(pom, "dependency:copy-dependencies", ("-DincludeScope=runtime", f"-DoutputDirectory={into}"))


@cache
def repository() -> str:
    """Return the address of the repository in use: `DRX_MAVEN_REPOSITORY`, else Maven's own for an empty project."""
    if named := os.environ.get(REPOSITORY_VARIABLE):
        return named
    with tempfile.TemporaryDirectory(prefix="druid-reindex-") as folder:
        pom = Path(folder) / "pom.xml"
        pom.write_text(Pom("empty", ()).xml(), encoding="utf-8")
        expression = "-Dexpression=project.remoteArtifactRepositories[0].url"
        answer = _maven(("-f", str(pom), "help:evaluate", expression, "-DforceStdout"), dict(os.environ))
    return without_colours(answer).strip()


def without_colours(text: str) -> str:
    """Return `text` without terminal colour codes, which Maven prints even into pipes."""
    return _COLOUR.sub("", text)


def _run(pom: Pom, goal: str, options: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="druid-reindex-") as folder:
        project, settings = Path(folder) / "pom.xml", Path(folder) / "settings.xml"
        project.write_text(pom.xml(), encoding="utf-8")
        settings.write_text(_SETTINGS, encoding="utf-8")
        environment = os.environ | {REPOSITORY_VARIABLE: repository()}
        _maven(("-gs", str(settings), "-f", str(project), goal, *options), environment)


def _maven(arguments: tuple[str, ...], environment: dict[str, str]) -> str:
    command = ("mvn", "--batch-mode", "--quiet", *arguments)
    try:
        done = subprocess.run(
            command,
            env={"MAVEN_OPTS": _JVM_OPTIONS} | environment,
            capture_output=True,
            text=True,
            timeout=MAVEN_SECONDS,
            check=True,
        )
    except FileNotFoundError as error:
        raise _failure(arguments, "there is no `mvn` on the PATH", "install Maven 3.8 or later") from error
    except subprocess.TimeoutExpired as error:
        came_back = f"not finished after {MAVEN_SECONDS:g} seconds"
        raise _failure(arguments, came_back, "look at the network; what was fetched is kept, run it again") from error
    except subprocess.CalledProcessError as error:
        came_back = without_colours(f"{error.stdout}{error.stderr}").strip()[-2000:]
        remedy = f"see that the repository answers; {REPOSITORY_VARIABLE} names another one"
        raise _failure(arguments, came_back, remedy) from error
    return done.stdout


def _failure(arguments: tuple[str, ...], came_back: str, remedy: str) -> MavenError:
    goal = next((argument for argument in arguments if ":" in argument), arguments[-1])
    return MavenError(f"Running Maven's {goal}", resource="the Maven repository", came_back=came_back, remedy=remedy)


def _identity(coordinates: str) -> str:
    tags = ("groupId", "artifactId", "version")
    return "".join(f"<{tag}>{escape(part)}</{tag}>" for tag, part in zip(tags, coordinates.split(":"), strict=False))
