"""The documented lines of openssl, jq and sha256sum verify what the command verifies, and refuse what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import packs
from documents import ROOT, fences
from druid_reindex.evidence.chain import split
from druid_reindex.evidence.verify import Changed, Files, verify_all
from twins import FakeSigner

(SCRIPT,) = (fence.body for fence in fences(ROOT / "docs" / "evidence-pack.md") if fence.language == "sh")
# jq as a command, from libjq, so that the lines run where no jq is installed.
JQ = f"""#!{sys.executable}
import sys, jq
option, program, *files = sys.argv[1:]
assert option == "-r"
text = open(files[0]).read() if files else sys.stdin.read()
for each in jq.compile(program).input_text(text):
    print(each)
"""
PROGRAMS = ["libjq", *(["jq"] if shutil.which("jq") else [])]


@pytest.fixture(params=PROGRAMS)
def by_hand(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """The documented lines, with libjq and, where it is installed, with jq itself."""
    shim = tmp_path / "bin"
    shim.mkdir()
    if request.param == "libjq":
        (shim / "jq").write_text(JQ)
        (shim / "jq").chmod(0o755)
    env = {"PATH": f"{shim}:{os.environ['PATH']}"}

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", SCRIPT], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    return run


Hand = Callable[[Path], subprocess.CompletedProcess[str]]


def test_they_are_at_most_twenty_lines_and_ask_nobody() -> None:
    assert len(SCRIPT.splitlines()) <= 20
    assert not {"druid-reindex", "aws", "curl", "python"} & set(SCRIPT.split())


def test_a_run_and_its_supplements_are_verified(by_hand: Hand, tmp_path: Path) -> None:
    done = by_hand(packs.write(packs.series(3), tmp_path / packs.RUN))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Verified OK") == 3
    assert done.stdout.count(f"signed by {FakeSigner().public_key().fingerprint}") == 3
    assert "CHANGED" not in done.stdout


def change(name: str, edit: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(edit((folder / name).read_bytes())) and None


def without(number: int) -> Callable[[bytes], bytes]:
    return lambda body: b"".join(line for at, line in enumerate(split(body)) if at != number)


def swapped(folder: Path) -> None:
    for suffix in ("jsonl", "dsse.json"):
        first, second = folder / f"0000.{suffix}", folder / f"0001.{suffix}"
        body = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(body)


@pytest.mark.parametrize(("tamper", "said"), [
    (change("0000.jsonl", lambda body: body.replace(b'"ada"', b'"bob"')), "line 2 of 0000.jsonl"),
    (change("0001.jsonl", without(4)), "line 5 of 0001.jsonl"),
    (change("0001.jsonl", lambda body: body + split(body)[3]), "0001.jsonl has other lines"),
    (change("0000.jsonl", lambda body: body[:-40]), "line 20 of 0000.jsonl"),
    (change("0000.jsonl", lambda body: b"".join(reversed(split(body)))), "line 1 of 0000.jsonl"),
    (change("0001.dsse.json", lambda _: packs.packed(signer=FakeSigner(7)).envelope), "statement or signature of 0001"),
    (swapped, "place of 0000"),
    (lambda folder: [each.unlink() for each in folder.glob("0000.*")] and None, "the pack before 0001"),
])  # fmt: skip
def test_they_refuse_what_the_command_refuses(
    by_hand: Hand, tmp_path: Path, tamper: Callable[[Path], None], said: str
) -> None:
    folder = packs.write(packs.series(2), tmp_path / packs.RUN)
    tamper(folder)
    done = by_hand(folder)
    assert done.returncode != 0
    assert f"CHANGED: {said}" in done.stdout, done.stdout + done.stderr
    found = [
        Files(number, (folder / f"{number:04d}.jsonl").read_bytes(), (folder / f"{number:04d}.dsse.json").read_bytes())
        for number in (0, 1)
        if (folder / f"{number:04d}.jsonl").exists()
    ]
    assert isinstance(verify_all(found, [FakeSigner().public_key()])[-1], Changed)


def test_a_pack_that_another_key_signed_shows_that_keys_fingerprint(by_hand: Hand, tmp_path: Path) -> None:
    mallory = FakeSigner(666)
    folder = packs.write([packs.packed(signer=mallory)], tmp_path / packs.RUN, mallory)
    done = by_hand(folder)
    assert done.returncode == 0
    assert f"signed by {mallory.public_key().fingerprint}" in done.stdout
    assert FakeSigner().public_key().fingerprint not in done.stdout


def test_a_supplement_of_another_first_pack_is_refused(by_hand: Hand, tmp_path: Path) -> None:
    first, _ = packs.series(2)
    title = replace(packs.TITLE, sequence=1)
    stranger = packs.packed(title, predecessor="ab" * 32)
    done = by_hand(packs.write([first, stranger], tmp_path / packs.RUN))
    assert done.returncode != 0
    assert "CHANGED: the pack before 0001" in done.stdout
