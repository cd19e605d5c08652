"""Parses a folder of DAG files as Airflow does, with no network, and writes what came of it as JSON.

``python parse_dags.py <folder> <JSON file> [--imports]``; ``imported`` are the modules that the folder's own files load
beside what Airflow does.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any, NoReturn

import airflow.sdk


def offline(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.getaddrinfo"}:
        raise PermissionError(f"{event} while DAG files are parsed: {arguments[1:]}")


def refused(*asked: object, **_more: object) -> NoReturn:
    raise PermissionError(f"a connection or a variable was read while DAG files are parsed: {asked}")


def imported(folder: Path) -> list[str]:
    """What running the files adds to ``import airflow.sdk``."""
    before = set(sys.modules)
    for file in folder.glob("*.py"):
        runpy.run_path(str(file))
    return sorted(set(sys.modules) - before)


def parsed(folder: Path) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(folder)
    return {
        "import_errors": bag.import_errors,
        "dags": {dag_id: told(dag) for dag_id, dag in bag.dags.items()},
    }


def told(dag: Any) -> dict[str, Any]:
    return {
        "tags": sorted(dag.tags),
        "max_active_runs": dag.max_active_runs,
        "catchup": dag.catchup,
        "timezone": str(dag.timetable.timezone),
        "cron": dag.timetable.expression,
        "leaves": [task.task_id for task in dag.leaves],
        "tasks": {
            task.task_id: {
                "trigger_rule": task.trigger_rule.value,
                "pool": task.pool,
                "queue": task.queue,
                "setup": task.is_setup,
                "teardown": task.is_teardown,
                "downstream": sorted(task.downstream_task_ids),
            }
            for task in dag.tasks
        },
    }


if __name__ == "__main__":
    airflow.sdk.BaseHook.get_connection = refused  # type: ignore[method-assign]
    airflow.sdk.Connection.get = refused  # type: ignore[method-assign]
    airflow.sdk.Variable.get = refused  # type: ignore[method-assign]
    sys.addaudithook(offline)
    dags = Path(sys.argv[1])
    loaded = imported(dags) if "--imports" in sys.argv else []
    Path(sys.argv[2]).write_text(json.dumps({"imported": loaded} | parsed(dags)))
