"""The manifest of files in S3: what UNLOAD leaves when it has succeeded, and what COPY is given.

A manifest is the commit: UNLOAD writes it last, so that a prefix without one was never finished. COPY passes over a
file that is gone unless its entry says ``mandatory``, which UNLOAD does not write; so COPY gets a manifest of our own.
Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html (MANIFEST VERBOSE),
https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from druid_reindex.errors import IntegrityError, ProtocolError
from druid_reindex.model.identity import digest
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.document import canonical


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file, its bytes and its rows."""

    uri: S3Uri
    size_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files that belong together, in order of their address; ``sha256`` is that of the manifest as it was read."""

    uri: S3Uri
    files: tuple[ManifestFile, ...]
    sha256: str

    @property
    def rows(self) -> int:
        """The rows of all files."""
        return sum(file.rows for file in self.files)

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(file.size_bytes for file in self.files)


def read_manifest(uri: S3Uri, body: bytes, *, below: S3Uri) -> Manifest:
    """The manifest in ``body``.

    Raises ProtocolError when it has no counts, IntegrityError when they disagree or a file lies elsewhere than below
    ``below``.
    """
    try:
        document = json.loads(body)
        files = tuple(sorted(map(_file, document["entries"]), key=lambda file: file.uri))
        told = document.get("meta", {}).get("record_count")
    except (ValueError, TypeError, KeyError, AttributeError) as unreadable:
        raise ProtocolError(
            "read a manifest",
            resource=str(uri),
            came_back=f"no verbose manifest ({type(unreadable).__name__})",
            remedy="write it with MANIFEST VERBOSE: content_length and record_count for each file",
        ) from unreadable
    manifest = Manifest(uri, files, digest(body))
    _refuse_unsound(manifest, told, below)
    return manifest


def copy_manifest(manifest: Manifest) -> bytes:
    """The manifest for COPY: every file is mandatory, with its length, which columnar formats need."""
    entries = [
        {"url": str(file.uri), "mandatory": True, "meta": {"content_length": file.size_bytes}}
        for file in manifest.files
    ]
    return canonical({"entries": entries})


def _file(entry: dict[str, Any]) -> ManifestFile:
    meta = entry["meta"]
    return ManifestFile(S3Uri.parse(entry["url"]), int(meta["content_length"]), int(meta["record_count"]))


def _refuse_unsound(manifest: Manifest, told: object, below: S3Uri) -> None:
    outside = [file.uri for file in manifest.files if not below.covers(file.uri)]
    twice = len({file.uri for file in manifest.files}) < len(manifest.files)
    wrong = [
        f"{len(outside)} files outside {below}" if outside else "",
        "a file twice" if twice else "",
        f"{told} rows in all, and {manifest.rows} in its files" if told not in {None, manifest.rows} else "",
    ]
    if any(wrong):
        raise IntegrityError(
            "read a manifest",
            resource=str(manifest.uri),
            came_back=", ".join(filter(None, wrong)),
            remedy="find out who wrote it; do not load it",
        )
