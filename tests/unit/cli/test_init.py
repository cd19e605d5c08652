"""``druid-reindex init``."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

import druid_reindex
from druid_reindex.cli import init
from druid_reindex.cli.main import app
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.config_files import load_boundaries, load_profile

ROOT = Path(__file__).parents[3]
SHIPPED_ID = UUID("6f0f3a52-6a5b-4c63-9c0f-2d9f1d6f7a10")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that init has filled."""
    result = run("init", tmp_path / "a folder")
    assert result.exit_code == 0, result.output
    return tmp_path / "a folder"


def test_a_new_folder_holds_what_is_shipped_and_only_one_pipeline(folder: Path) -> None:
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written >= {
        "dags/nightly_reindex.py",
        "emr_configs/boundaries.yaml",
        "emr_configs/profiles/small.yaml",
        "emr_configs/bootstrap/install_druid.sh",
        "emr_configs/iam/airflow_phi.json",
        "docs/pipeline.schema.json",
    }
    assert [path for path in written if path.startswith("dags/pipelines/")] == [init.STARTING_PIPELINE]
    script = folder / "emr_configs/bootstrap/install_druid.sh"
    shipped = ROOT / "emr_configs/bootstrap/install_druid.sh"
    assert stat.S_IMODE(script.stat().st_mode) == stat.S_IMODE(shipped.stat().st_mode)
    assert json.loads((folder / "docs/pipeline.schema.json").read_text())["properties"]["datasource"]


def test_the_boundaries_load_with_an_identity_of_their_own(folder: Path) -> None:
    made = load_boundaries(folder / "emr_configs")
    assert made.deployment_id != SHIPPED_ID
    shipped = load_boundaries(ROOT / "emr_configs")
    assert made.model_copy(update={"deployment_id": SHIPPED_ID}) == shipped
    assert load_profile(folder / "emr_configs", "small")


def test_each_value_of_the_account_is_marked_with_what_belongs_there(folder: Path) -> None:
    lines = (folder / init.BOUNDARIES).read_text().splitlines()
    marked = [line for line in lines if init.FILL_IN in line]
    for line in lines:
        parts = ("111122223333", "subnet-", "sg-", "Drx", "region: ", "cluster_identifier: ", "database: ", "trail: ")
        of_the_account = any(part in line for part in parts)
        assert (line in marked) == of_the_account or "metadata_secret_id" in line, line
    key = next(line for line in marked if "emr_log_kms_key_arn" in line)
    assert key.endswith(str(Boundary.model_fields["emr_log_kms_key_arn"].description))


def test_who_else_touches_the_data_is_marked_in_the_pipeline(folder: Path) -> None:
    lines = (folder / init.STARTING_PIPELINE).read_text().splitlines()
    of_the_account = [line for line in lines if "111122223333" in line]
    assert len(of_the_account) > 3
    assert [line for line in lines if init.FILL_IN in line] == of_the_account
    shipped = (ROOT / init.STARTING_PIPELINE).read_text().splitlines()
    assert [line.partition(f"  {init.FILL_IN}")[0] for line in lines] == shipped


def test_an_account_of_ones_own_begins_without_exceptions(folder: Path) -> None:
    assert (ROOT / "emr_configs" / "exceptions.yaml").is_file()
    assert not (folder / "emr_configs" / "exceptions.yaml").exists()


def test_the_next_three_commands_are_told_and_the_first_one_works(folder: Path, tmp_path: Path) -> None:
    told = run("init", tmp_path / "other").stdout.splitlines()[-3:]
    assert [line.split()[0] for line in told] == ["druid-reindex", "druid-reindex", "airflow"]
    assert told[1].split()[1] == "doctor"
    checked = run("pipeline", "check", folder / init.STARTING_PIPELINE, "--configs", folder / "emr_configs")
    assert checked.exit_code == 0
    assert told[2].endswith(checked.stdout.split("DAG ")[1].strip())
    assert "'" in init.next_commands(folder)[0]


def test_nothing_is_overwritten_and_then_nothing_is_written(tmp_path: Path) -> None:
    mine = tmp_path / "dags" / "nightly_reindex.py"
    mine.parent.mkdir()
    mine.write_text("mine")
    result = run("init", tmp_path)
    assert result.exit_code == 1
    assert "there already: dags/nightly_reindex.py" in result.stderr
    assert mine.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("init", tmp_path / "file" / "below")
    assert result.exit_code == 1
    assert "name a folder that can be written" in result.stderr


def test_an_installed_wheel_reads_its_own_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "druid_reindex"
    (package / "templates" / "emr_configs").mkdir(parents=True)
    monkeypatch.setattr(druid_reindex, "__file__", str(package / "__init__.py"))
    with pytest.raises(ConfigurationError, match="install airflow-provider-druid-reindex again"):
        init.shipped()
    (package / "templates" / init.BOUNDARIES).write_text("")
    assert init.shipped() == package / "templates"
