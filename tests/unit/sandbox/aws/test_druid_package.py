"""Druid's archive for the CLI indexer, packed from a small layout."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from druid_reindex.sandbox import distributions
from druid_reindex.sandbox.aws import druid_package
from druid_reindex.sandbox.distributions import DruidLayout
from druid_reindex.sandbox.home import SandboxHome

JARS = (
    "lib/druid-core.jar",
    "extensions/druid-hdfs-storage/druid-hdfs-storage.jar",
    "extensions/druid-hdfs-storage/hadoop-client-api-3.3.6.jar",
    "extensions/druid-basic-security/druid-basic-security.jar",
    "hadoop-dependencies/hadoop-aws/3.3.6/hadoop-aws-3.3.6.jar",
    "hadoop-dependencies/hadoop-aws/3.3.6/aws-java-sdk-bundle-1.jar",
)


@pytest.fixture
def layout(tmp_path: Path) -> DruidLayout:
    root = tmp_path / "druid-x"
    for jar in JARS:
        (root / jar).parent.mkdir(parents=True, exist_ok=True)
        (root / jar).write_text(jar)
    return DruidLayout(root, root / "lib", root / "extensions", root / "hadoop-dependencies")


def pack(tmp_path: Path, layout: DruidLayout, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(distributions, "druid", lambda *_: layout)
    home = SandboxHome(tmp_path / "home", tmp_path / name)
    home.cache.mkdir()
    return druid_package._archive(home, lambda _: None)


def test_it_holds_what_the_indexer_needs_and_no_more(
    tmp_path: Path, layout: DruidLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(pack(tmp_path, layout, "cache", monkeypatch)) as archive:
        names = {name.removeprefix("druid-25.0.0/") for name in archive.getnames()}
    assert names == {
        "lib/druid-core.jar",
        "extensions/druid-hdfs-storage/druid-hdfs-storage.jar",
        "hadoop/hadoop-client-api-3.3.6.jar",
        "hadoop/hadoop-aws-3.3.6.jar",
        "conf/log4j2.xml",
    }


def test_the_same_jars_make_the_same_archive(
    tmp_path: Path, layout: DruidLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = pack(tmp_path, layout, "one", monkeypatch).read_bytes()
    for jar in layout.root.rglob("*.jar"):
        jar.touch()
    assert pack(tmp_path, layout, "two", monkeypatch).read_bytes() == one
