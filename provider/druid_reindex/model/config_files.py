"""The files of ``emr_configs/`` as values."""

from __future__ import annotations

from pathlib import Path

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.yaml_file import Defect, read_yaml, shown


def load_boundaries(configs: Path) -> Boundaries:
    """The boundaries in ``configs/boundaries.yaml``. Raises ConfigurationError."""
    return read_yaml(configs / "boundaries.yaml").model(Boundaries)


def load_profile(configs: Path, name: str) -> ClusterProfile:
    """The cluster profile ``name`` of ``configs/profiles/``. Raises ConfigurationError."""
    path = configs / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml"))) or "none"
        raise ConfigurationError(
            "read a cluster profile",
            resource=str(path),
            came_back="there is no such file",
            remedy=f"name one of these profiles: {known}",
        )
    file = read_yaml(path)
    profile = file.model(ClusterProfile)
    if profile.name != name:
        file.refuse([Defect(("name",), shown(profile.name), f"a profile is named as its file: {name}")])
    return profile
