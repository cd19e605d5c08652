"""`druid-reindex evidence report`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import typer
from pypdf import PdfReader
from typer.testing import CliRunner, Result

import packs
import told_nights
from druid_reindex.cli.main import app
from told_nights import FOREIGN, confirmed, night

ROOT = Path(__file__).parents[3]
FOLDER = Path("packs") / "patient_vitals" / packs.RUN


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    packs.write(night(supplement=confirmed(FOREIGN)), tmp_path / FOLDER)
    return tmp_path


def run(*arguments: str) -> Result:
    folders = ["--pipelines", str(ROOT / "dags" / "pipelines"), "--configs", str(ROOT / "emr_configs")]
    return CliRunner().invoke(app, ["evidence", "report", *arguments, *folders], terminal_width=200)


def readings(place: Path) -> list[dict[str, str]]:
    lines = (place / "access" / "patient_vitals" / packs.RUN / "access.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_page_is_written_and_that_it_was_read_is_too(place: Path) -> None:
    result = run(str(place / FOLDER))
    assert result.exit_code == 0, result.output
    (page,) = place.glob("*.html")
    assert page.name == f"evidence-patient_vitals-{packs.RUN[:12]}.html"
    assert page.name in result.output
    assert result.output.startswith("! amber")
    assert "analytics/jo" in page.read_text()
    (reading,) = readings(place)
    assert reading["how"] == "report html"
    assert reading["by"]
    assert len(reading["packs"]) == 2


@pytest.mark.parametrize("chosen", [["--latest", "--place", "packs"], ["packs"]])
def test_the_latest_and_the_only_one(chosen: list[str], place: Path) -> None:
    assert run(*chosen, "--output", "r.html").exit_code == 0
    assert (place / "r.html").is_file()


def test_a_document_for_print(place: Path) -> None:
    assert run(str(FOLDER), "--format", "pdf", "--output", "out/r.pdf").exit_code == 0
    text = PdfReader(io.BytesIO((place / "out" / "r.pdf").read_bytes())).pages[0].extract_text()
    assert "Evidence of a night: patient_vitals" in text


def test_tables_with_the_worksheet_among_them(place: Path) -> None:
    assert run(str(FOLDER), "--format", "csv", "--output", "tables").exit_code == 0
    worksheet = (place / "tables" / "unexplained.csv").read_text("utf-8-sig")
    assert FOREIGN.resource in worksheet
    assert "unknown" in worksheet
    assert (place / "tables" / "findings.csv").is_file()


def test_all_nights_of_a_period_the_missing_ones_first(place: Path) -> None:
    asked = ("--period", "2026-10-06", "2026-10-08", "patient_vitals", "--place", "packs", "--output", "p.html")
    result = run(*asked)
    assert result.exit_code == 0, result.output
    assert "2 of 3 scheduled nights are missing" in result.output
    assert "report html of 2026-10-06 to 2026-10-08" in readings(place)[0]["how"]


def test_it_is_opened_when_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)
    assert run(str(FOLDER), "--output", "r.html", "--open").exit_code == 0
    assert opened == ["r.html"]


def test_what_cannot_be_written_down_is_not_shown(place: Path) -> None:
    (place / "access").write_text("in the way")
    result = run(str(FOLDER), "--output", "r.html")
    assert result.exit_code == 1
    assert "write beside the packs" in result.output
    assert not (place / "r.html").exists()


def test_a_changed_pack_makes_a_red_page_that_shows_nothing_of_it(place: Path) -> None:
    lines = place / FOLDER / "0000.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b"drx-secure-1", b"drx-opened-1"))
    result = run(str(FOLDER), "--output", "r.html")
    assert result.exit_code == 0
    assert result.output.startswith("✗ red")
    page = (place / "r.html").read_text()
    assert "The evidence was changed" in page
    assert "BAA-2026-17" not in page


def test_another_key_than_the_trusted_one_is_found(place: Path) -> None:
    other = place / "other.pem"
    other.write_bytes(told_nights.FakeSigner(5).public_key().pem)
    assert run(str(FOLDER), "--public-key", str(other), "--output", "r.html").output.startswith("✗ red")
    assert run(str(FOLDER), "--public-key", str(place / "none.pem")).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "not one of PACK, --latest and --period"),
        (("packs", "--latest"), "not one of PACK"),
        (("nowhere",), "no file such as 0000.jsonl"),
        (("--period", "yesterday", "2026-10-08", "patient_vitals", "--place", "packs"), "write it as 2026-10-06"),
        (("--period", "2026-10-06", "2026-10-08", "nothing", "--place", "packs"), "find a pipeline"),
    ],
)
def test_what_cannot_be_told_says_why(arguments: tuple[str, ...], told: str, place: Path) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert told in result.output.replace("\n", " ")


def test_several_runs_are_not_chosen_among_without_a_word(place: Path) -> None:
    packs.write(packs.series(1, packs.OTHER_RUN), place / "packs" / "patient_vitals" / packs.OTHER_RUN)
    result = run("packs")
    assert result.exit_code == 1
    assert "2 runs" in result.output
    assert run("--latest", "--place", "packs", "--output", "r.html").exit_code == 0
