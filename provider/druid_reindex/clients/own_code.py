"""What of ours runs here: the provider's own files and all installed distributions, by digest."""

from __future__ import annotations

from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import druid_reindex
from druid_reindex.model.identity import canonical, digest

_COMPILED = "__pycache__"


@cache
def provider_sha256() -> str:
    """The SHA-256 of ``<path> <SHA-256>`` of each file of the provider, by path, as this process finds them."""
    root = Path(druid_reindex.__file__).parent
    files = sorted(each for each in root.rglob("*") if each.is_file() and _COMPILED not in each.parts)
    return digest("".join(f"{each.relative_to(root)} {digest(each.read_bytes())}\n" for each in files).encode())


@cache
def distributions_sha256() -> str:
    """The SHA-256 of ``<name>==<version>`` of each installed distribution, by name, as ``pip freeze`` tells them."""
    found = {f"{each.name.lower().replace('_', '-')}=={each.version}" for each in distributions()}
    return digest(canonical(sorted(found)))
