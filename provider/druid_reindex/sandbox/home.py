"""Where the sandbox keeps everything: one state root, one download cache, one secrets file."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME_VARIABLE = "DRUID_REINDEX_HOME"
CACHE_VARIABLE = "DRUID_REINDEX_CACHE"


@dataclass(frozen=True)
class SandboxHome:
    """Every path of one sandbox; directories are made, private to their owner, when they are asked for."""

    root: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> SandboxHome:
        """Return the home that `DRUID_REINDEX_HOME` and `DRUID_REINDEX_CACHE` name, or the user's default one."""
        user = Path.home()
        return cls(
            root=Path(os.environ.get(HOME_VARIABLE) or user / ".druid-reindex").absolute(),
            cache=Path(os.environ.get(CACHE_VARIABLE) or user / ".cache" / "druid-reindex").absolute(),
        )

    def logs(self) -> Path:
        """Return the directory with one log file per service."""
        return _private(self.root / "logs")

    def data(self, name: str) -> Path:
        """Return the directory in which the service `name` keeps its state."""
        return _private(self.root / "data" / name)

    def conf(self, name: str) -> Path:
        """Return the directory with the configuration files written for the service `name`."""
        return _private(self.root / "conf" / name)

    def pki(self) -> Path:
        """Return the directory with the sandbox's CA and the certificates it issued."""
        return _private(self.root / "pki")

    @property
    def secrets_file(self) -> Path:
        """Mode 0600; every password and access key of the sandbox, by name."""
        return _private(self.root) / "secrets.json"

    @property
    def state_file(self) -> Path:
        """What runs now: the supervisor's pid, its services and their endpoints."""
        return _private(self.root) / "state.json"

    @property
    def addresses_file(self) -> Path:
        """The loopback addresses that emulated clusters hold now."""
        return _private(self.root) / "addresses.json"

    @property
    def hosts_file(self) -> Path:
        """The only name resolution of the sandbox's JVMs (`-Djdk.net.hosts.file`)."""
        return _private(self.root) / "hosts"

    @property
    def ca_file(self) -> Path:
        """The sandbox's CA certificate, PEM."""
        return self.pki() / "ca.pem"

    @property
    def truststore(self) -> Path:
        """The sandbox's CA certificate as a Java trust store, PKCS12."""
        return self.pki() / "trust.p12"

    def secret(self, name: str) -> str:
        """Return the secret `name`, made of 192 random bits the first time it is asked for."""
        with locked(self.secrets_file):
            known = _read(self.secrets_file)
            if name not in known:
                known[name] = secrets.token_urlsafe(24)
                replace(self.secrets_file, json.dumps(known, indent=1, sort_keys=True))
            return str(known[name])

    def keep_secrets(self, values: Mapping[str, str]) -> None:
        """Store `values`, in place of secrets of the same names."""
        with locked(self.secrets_file):
            known = _read(self.secrets_file) | dict(values)
            replace(self.secrets_file, json.dumps(known, indent=1, sort_keys=True))

    def known_secrets(self) -> dict[str, str]:
        """Return every secret by name; empty for a new home."""
        return {name: str(value) for name, value in _read(self.secrets_file).items()}


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that all processes of this machine take before they change `path`."""
    with path.with_name(f".{path.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def replace(path: Path, text: str) -> None:
    """Write `text` to `path`, mode 0600, so that readers see the old or the new file and never half of one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    Path(name).replace(path)


def _private(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
