"""``druid-reindex init``: a folder with DAGs, EMR configurations and a starting pipeline, as the wheel carries them.

An editable install carries no copy: the files are then the checkout's own.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

import druid_reindex
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries, Boundary, Network
from druid_reindex.model.declared_actor import DeclaredActor
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.pipeline_schema import json_schema
from druid_reindex.model.warehouse import Warehouse

FILL_IN = "# FILL IN"
STARTING_PIPELINE = "dags/pipelines/patient_vitals.yaml"
BOUNDARIES = "emr_configs/boundaries.yaml"
_SCHEMA = "docs/pipeline.schema.json"
_SHIPPED = ("dags/*.py", STARTING_PIPELINE, "emr_configs/**/*", "sql/**/*")
# What belongs to the sandbox alone: an account of one's own begins without exceptions.
_STAYS = {"emr_configs/exceptions.yaml"}
# Names that may stay as they are shipped; every other value is the account's own.
_MAY_STAY = {
    "deployment_id", "datasources", "pool", "queue", "druid_conn_id", "aws_conn_id", "mode", "retention_days",
    "legal_hold", "agreement",
}  # fmt: skip
_VALUE = re.compile(r"(?P<indent> *)(?P<name>\w+): (?!&)(?P<value>.+)")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="The folder that holds, or will hold, dags/.", file_okay=False)],
) -> None:
    """Write DAGs, EMR configurations and one starting pipeline into FOLDER; no file is overwritten.

    The account's values in emr_configs/boundaries.yaml and in the pipeline are the sandbox's, each marked FILL IN.
    """
    files = starting_files(shipped())
    _refuse_existing(folder, files)
    for name, (content, mode) in files.items():
        _write(folder / name, content, mode)
        typer.echo(f"wrote {folder / name}")
    values, others = (files[name][0].decode().count(FILL_IN) for name in (BOUNDARIES, STARTING_PIPELINE))
    typer.echo(f"\nNow write your account's values into {folder / BOUNDARIES}: {values} are marked FILL IN, as are")
    typer.echo(f"{others} in {folder / STARTING_PIPELINE}, of who else touches the data. Then:")
    for command in next_commands(folder):
        typer.echo(f"  {command}")


def shipped() -> Path:
    """The folder with dags/, emr_configs/ and sql/: the package's ``templates``, or an editable install's checkout.

    Raises ConfigurationError when neither is there.
    """
    package = Path(druid_reindex.__file__).parent
    places = (package / "templates", package.parents[1])
    for place in places:
        if (place / BOUNDARIES).is_file():
            return place
    raise ConfigurationError(
        "find the files that the package carries",
        resource=" and ".join(str(place) for place in places),
        came_back=f"{BOUNDARIES} is in neither",
        remedy="install airflow-provider-druid-reindex again, from its wheel",
    )


def starting_files(source: Path) -> dict[str, tuple[bytes, int]]:
    """What a new folder holds: content and permissions by path."""
    found = sorted({path for pattern in _SHIPPED for path in source.glob(pattern) if path.is_file()})
    files = {
        str(path.relative_to(source)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in found
        if "__pycache__" not in path.parts and str(path.relative_to(source)) not in _STAYS
    }
    text, mode = files[BOUNDARIES]
    files[BOUNDARIES] = (marked(text.decode(), deployment_id=str(uuid4())).encode(), mode)
    text, mode = files[STARTING_PIPELINE]
    files[STARTING_PIPELINE] = (_marked_actors(text.decode()).encode(), mode)
    schema = json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    files[_SCHEMA] = (schema.encode(), 0o644)
    return files


def marked(boundaries: str, *, deployment_id: str) -> str:
    """The boundaries file with an identity of its own, and a mark that says what to write at each account's value."""
    return "".join(f"{line}\n" for line in _marked_lines(boundaries, deployment_id))


def _marked_actors(pipeline: str) -> str:
    """The pipeline's file with a mark at each principal and place of those who else touch the data."""
    meaning = {name: DeclaredActor.model_fields[name].description for name in ("principal", "prefix")}
    lines = ((line, _VALUE.fullmatch(line)) for line in pipeline.splitlines())
    return "".join(
        f"{line}  {FILL_IN}: {meaning[match['name']]}\n" if match and match["name"] in meaning else f"{line}\n"
        for line, match in lines
    )


def next_commands(folder: Path) -> tuple[str, str, str]:
    """What to run next: check the files, look at Druid and the account, start."""
    pipeline, configs = (shlex.quote(str(folder / name)) for name in (STARTING_PIPELINE, "emr_configs"))
    return (
        f"druid-reindex pipeline check {pipeline} --configs {configs}",
        f"druid-reindex doctor {pipeline} --configs {configs}",
        f"airflow dags unpause nightly_reindex__{Path(STARTING_PIPELINE).stem}",
    )


def _marked_lines(boundaries: str, deployment_id: str) -> Iterator[str]:
    meaning = {
        name: field.description
        for model in (EvidencePlace, Boundaries, Boundary, Network, Warehouse)
        for name, field in model.model_fields.items()
    }
    for line in boundaries.splitlines():
        match = _VALUE.fullmatch(line)
        if match and match["name"] == "deployment_id":
            yield f"deployment_id: {deployment_id}"
        elif match and match["name"] in meaning.keys() - _MAY_STAY and not match["value"].startswith("*"):
            yield f"{line}  {FILL_IN}: {meaning[match['name']]}"
        else:
            yield line


def _refuse_existing(folder: Path, files: Collection[str]) -> None:
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise ConfigurationError(
            "write the starting files",
            resource=str(folder),
            came_back=f"there already: {', '.join(there)}",
            remedy="name another folder, or move these away: nothing is overwritten, and nothing was written",
        )


def _write(file: Path, content: bytes, mode: int) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as new:
            new.write(content)
        file.chmod(mode)
    except OSError as error:
        raise ConfigurationError(
            "write a starting file",
            resource=str(file),
            came_back=f"{type(error).__name__}: {error.strerror}",
            remedy="name a folder that can be written",
        ) from error
