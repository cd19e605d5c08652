"""A copy of `emr_configs` in which files are changed by dotted paths."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from emr_documents import changed

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "emr_configs"
PIPELINE = ROOT / "dags" / "pipelines" / "patient_vitals.yaml"


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def changed_configs(folder: Path, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """The folder `emr_configs`, with each file of ``changes`` changed."""
    configs = Path(shutil.copytree(SHIPPED, folder / "emr_configs"))
    for name, paths in changes.items():
        rewrite(configs / name, paths)
    return configs


def rewrite(file: Path, paths: Mapping[str, Any]) -> Path:
    """The file, changed in place."""
    content = changed(yaml.safe_load(file.read_text()), paths)
    file.write_text(yaml.dump(content, Dumper=_NoAliases, sort_keys=False))
    return file
