"""What a new owner of a datasource does with what the one before it had submitted: ends it, and says what lives yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from druid_reindex.model.lease import Lease
from druid_reindex.ports import DruidPort, EmrPort

if TYPE_CHECKING:
    from druid_reindex.clients.run_end import Alive


def end_predecessor(predecessor: Lease, druid: DruidPort, emr: EmrPort, log: Callable[[str], None]) -> Alive:
    """What still lives of the run that held ``predecessor``, after it was all asked to end; again is harmless.

    Its Druid tasks are known by their ids, its clusters by their tag. Whoever asks goes on once nothing is alive: a
    task may still publish, and a step still write, until it has ended.
    """
    from druid_reindex.clients.run_end import end_run  # noqa: PLC0415  # DAG files are parsed without clients

    datasource, run_id = predecessor.datasource, predecessor.run
    return end_run(datasource, run_id, druid, emr, lambda text: log(f"{text}, of {predecessor}"))
