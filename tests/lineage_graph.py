"""Events of lineage as one graph: which runs there were, below which, and which datasets flow into which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

Event = Mapping[str, Any]
Name = tuple[str, str]
ENDS = ("COMPLETE", "FAIL", "ABORT")


def names(datasets: Iterable[Mapping[str, Any]]) -> set[Name]:
    """The datasets' names."""
    return {(each["namespace"], each["name"]) for each in datasets}


def by_run(events: Iterable[Event]) -> dict[str, list[Event]]:
    """The events of each run, in order."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event["run"]["runId"]].append(event)
    return dict(found)


def parent(event: Event) -> str | None:
    """The run that it names as its parent; it must be the root too, in the same job."""
    told = event["run"]["facets"].get("parent")
    if told is None:
        return None
    assert (told["run"]["runId"], told["job"]["name"]) == (
        told["root"]["run"]["runId"],
        told["root"]["job"]["name"],
    )
    assert event["job"]["name"].startswith(f"{told['job']['name']}.")
    return str(told["run"]["runId"])


def broken_runs(events: Iterable[Event]) -> list[str]:
    """What does not hold of runs: a begin, one end after it, and a parent that has events of its own."""
    runs, found = by_run(events), []
    for run_id, told in runs.items():
        kinds = [event["eventType"] for event in sorted(told, key=lambda event: event["eventTime"])]
        if kinds[0] != "START" or sum(kind in ENDS for kind in kinds) != 1 or kinds[-1] not in ENDS:
            found.append(f"{told[0]['job']['name']}: {kinds}")
        parents = {parent(event) for event in told}
        if len(parents) != 1 or not parents <= {None, *runs}:
            found.append(f"{told[0]['job']['name']} {run_id}: parents {parents}")
    return found


def flows(events: Iterable[Event]) -> dict[Name, set[Name]]:
    """Which datasets flow into which, by the runs that read the one and write the other."""
    found: dict[Name, set[Name]] = defaultdict(set)
    for told in by_run(events).values():
        read = {name for event in told for name in names(event["inputs"])}
        written = {name for event in told for name in names(event["outputs"])}
        for name in read:
            found[name] |= written
    return dict(found)


def reached(graph: Mapping[Name, set[Name]], start: Name) -> set[Name]:
    """Every dataset that has anything of ``start``."""
    found, todo = {start}, [start]
    while todo:
        for name in graph.get(todo.pop(), set()) - found:
            found.add(name)
            todo.append(name)
    return found


def parts(events: Iterable[Event]) -> int:
    """Into how many parts, that have nothing to do with each other, runs and datasets fall."""
    neighbours: dict[Any, set[Any]] = defaultdict(set)
    for event in events:
        run = event["run"]["runId"]
        for other in (parent(event), *names(event["inputs"]), *names(event["outputs"])):
            if other is not None:
                neighbours[run].add(other)
                neighbours[other].add(run)
    left, count = set(neighbours), 0
    while left:
        todo, count = [left.pop()], count + 1
        while todo:
            near = neighbours[todo.pop()] & left
            left -= near
            todo += near
    return count


def unknown_columns(event: Event) -> list[str]:
    """The columns of which column lineage speaks and no schema in the same event."""
    known = {
        (each["namespace"], each["name"], field["name"])
        for each in (*event["inputs"], *event["outputs"])
        for field in each["facets"].get("schema", {}).get("fields", ())
    }
    found = []
    for each in event["outputs"]:
        for column, made in each["facets"].get("columnLineage", {}).get("fields", {}).items():
            origins = [(o["namespace"], o["name"], o["field"]) for o in made["inputFields"]]
            spoken = [(each["namespace"], each["name"], column), *origins]
            found += [".".join(name) for name in spoken if name not in known]
    return found
