"""The digests of what runs here change with it, and with nothing else."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

import druid_reindex
from druid_reindex.clients.own_code import distributions_sha256, provider_sha256


def test_the_providers_digest_is_of_its_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(druid_reindex.__file__).parent
    copy = tmp_path / "druid_reindex"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    here = provider_sha256()
    monkeypatch.setattr(druid_reindex, "__file__", str(copy / "__init__.py"))
    provider_sha256.cache_clear()
    assert provider_sha256() == here
    (copy / "evidence" / "__pycache__").mkdir()
    (copy / "evidence" / "__pycache__" / "pack.pyc").write_bytes(b"compiled")
    provider_sha256.cache_clear()
    assert provider_sha256() == here
    (copy / "evidence" / "pack.py").write_text("changed")
    provider_sha256.cache_clear()
    assert provider_sha256() != here
    provider_sha256.cache_clear()


def test_the_environments_digest_changes_with_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributions_sha256.cache_clear()
    here = distributions_sha256()
    assert re.fullmatch("[0-9a-f]{64}", here)
    other = tmp_path / "another-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    distributions_sha256.cache_clear()
    assert distributions_sha256() != here
    distributions_sha256.cache_clear()
