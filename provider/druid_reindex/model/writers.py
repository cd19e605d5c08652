"""Who may write the segments of a datasource besides the night, as Druid tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Supervisor:
    """One supervisor; a suspended one runs no tasks.

    ``is_known`` is false where Druid does not tell that it is the datasource's and no other's: it counts as such, and
    is left alone.
    """

    supervisor_id: str
    is_suspended: bool
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class SupervisorVersion:
    """One entry of a supervisor's history: Druid keeps one for each change, its suspension and resumption too."""

    version: str
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class Writers:
    """The datasource's supervisors, whether the Coordinator compacts it by itself, and the ids of tasks.

    ``active`` ones have not ended; ``succeeded`` ones were created since an instant that was asked for.
    """

    supervisors: tuple[Supervisor, ...] = ()
    is_compacted: bool = False
    active: tuple[str, ...] = ()
    succeeded: tuple[str, ...] = ()
