"""The sandbox's home: private, made on demand, and safe for several processes at once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from druid_reindex.sandbox.home import CACHE_VARIABLE, HOME_VARIABLE, SandboxHome, locked, replace


@pytest.fixture
def home(tmp_path: Path) -> SandboxHome:
    return SandboxHome(tmp_path / "root", tmp_path / "cache")


def test_environment_names_root_and_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "here"))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "there"))
    assert SandboxHome.from_environment() == SandboxHome(tmp_path / "here", tmp_path / "there")


def test_without_environment_it_lies_in_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, "")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = SandboxHome.from_environment()
    assert found == SandboxHome(tmp_path / ".druid-reindex", tmp_path / ".cache" / "druid-reindex")


def test_directories_are_private(home: SandboxHome) -> None:
    for folder in (home.logs(), home.data("druid"), home.conf("druid"), home.pki()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_secret_is_made_once_and_differs_from_others(home: SandboxHome) -> None:
    first = home.secret("one")
    assert home.secret("one") == first
    assert home.secret("two") != first
    assert len(first) >= 32


def test_the_secrets_file_is_for_its_owner_alone(home: SandboxHome) -> None:
    home.keep_secrets({"key": "value"})
    assert stat.S_IMODE(home.secrets_file.stat().st_mode) == 0o600
    assert home.known_secrets() == {"key": "value"}


def test_a_new_home_knows_no_secret(home: SandboxHome) -> None:
    assert home.known_secrets() == {}


def test_secrets_made_side_by_side_are_all_kept(home: SandboxHome) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = dict(zip(range(24), pool.map(lambda number: home.secret(str(number)), range(24)), strict=True))
    assert home.known_secrets() == {str(number): value for number, value in made.items()}


def test_replace_leaves_no_other_file(home: SandboxHome) -> None:
    replace(home.state_file, "one")
    replace(home.state_file, "two")
    assert home.state_file.read_text() == "two"
    assert [path.name for path in home.root.iterdir()] == ["state.json"]


def test_a_lock_is_held_by_one_at_a_time(home: SandboxHome) -> None:
    inside: list[int] = []

    def enter(number: int) -> int:
        with locked(home.state_file):
            inside.append(number)
            seen = len(inside)
            inside.remove(number)
            return seen

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(enter, range(50))) == {1}
