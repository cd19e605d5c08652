"""Whether a job that takes no locks of Druid may write a datasource: nobody else may write it from plan to publication.

Druid's CLI indexer publishes past the Overlord, so that a task's lock keeps nothing from it, nor it from the task; rows
that a task appends to a chunk after the plan are not in what replaces the chunk.
Source: https://druid.apache.org/docs/25.0.0/ingestion/tasks.html#locking
"""

from __future__ import annotations

from collections.abc import Iterator

from druid_reindex.errors import ConfigurationError, ConflictError
from druid_reindex.model.writers import Writers

_ATTEMPTED = "rebuild by an EMR step, which takes no locks of Druid"


def refuse_standing(datasource: str, writers: Writers) -> None:
    """Raises ConfigurationError where something may write that does not end by itself."""
    found = [*_standing(writers)]
    if found:
        raise ConfigurationError(
            _ATTEMPTED,
            resource=f"datasource {datasource}",
            came_back=f"others may write it: {'; '.join(found)}",
            remedy="switch automatic compaction of the datasource off, suspend the supervisor yourself, or write "
            "`supervisors: suspend` in the pipeline file, so that nights do; or write `submit: overlord`, whose jobs "
            "take locks; then clear plan with its downstream tasks",
        )


def refuse_others(datasource: str, writers: Writers) -> None:
    """Raises ConflictError where a task of others writes the datasource, or has since it was planned.

    Raises ConfigurationError as ``refuse_standing`` does.
    """
    refuse_standing(datasource, writers)
    tasks = sorted({*writers.active, *writers.succeeded})
    if tasks:
        raise ConflictError(
            _ATTEMPTED,
            resource=f"datasource {datasource}",
            came_back=f"tasks of others have been at it since the plan: {', '.join(tasks)}",
            remedy="once they have ended, clear plan with its downstream tasks: a new plan reads what they published",
        )


def _standing(writers: Writers) -> Iterator[str]:
    for each in writers.supervisors:
        if not each.is_suspended:
            yield f"supervisor {each.supervisor_id} runs"
    if writers.is_compacted:
        yield "the Coordinator compacts it automatically"
