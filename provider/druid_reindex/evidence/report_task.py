"""The report of one task: which data it has read and written, its calls, and what CloudTrail says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from druid_reindex.evidence.lineage import CALLS_SECTION, LINEAGE_SECTION, READS, WRITES, Names
from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.report import Finding, Level, Report, Section, Table, findings_table, worst
from druid_reindex.evidence.report_figure import Figure, Lines, flow, shortened
from druid_reindex.evidence.report_findings import changed_finding, untold_findings
from druid_reindex.evidence.report_night import made_of, mark_of
from druid_reindex.evidence.report_read import Evidence
from druid_reindex.evidence.report_trail import is_of, task_tables, trail_findings

NOT_MAPPED = -1
_MOST_DATASETS = 6
_KINDS = (Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS)
_SAYS = """\
The journal is what the task wrote down of each call before it used the answer. CloudTrail's events are laid beside it
once AWS has delivered them, by the ids of each request. What Druid was asked is no call to AWS, and never in
CloudTrail."""
_VERDICTS = {
    Level.RED: "Not in order: see the findings.",
    Level.AMBER: "Not in order, or not fully told: see the findings.",
    Level.GREEN: "CloudTrail has all that it must have of this task's calls.",
}
_NO_PACK = "The run has left no pack yet: its calls are compared with CloudTrail after that."


@dataclass(frozen=True, slots=True)
class TaskOfRun:
    """A task of a run in Airflow; ``map_index`` is -1 for one that is not mapped."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = NOT_MAPPED

    @property
    def name(self) -> str:
        """Its name, as Airflow's UI has it."""
        return self.task_id if self.map_index == NOT_MAPPED else f"{self.task_id}[{self.map_index}]"

    @property
    def unit(self) -> str:
        """Its name without the try, as the journal has it."""
        return f"{self.task_id}.{self.map_index}"


def task_report(task: TaskOfRun, datasets: Names, evidence: Evidence | None) -> Report:
    """The report of the task; ``evidence`` is None while its run has left no pack."""
    told = evidence or Evidence((), None, {})
    findings = list(_findings(task, told))
    level = worst(each.level for each in findings) if evidence else Level.AMBER
    return Report(
        title=f"Task {task.name} of {task.dag_id}",
        level=level,
        verdict=_VERDICTS[level] if evidence else _NO_PACK,
        made_of=f"what the task told Airflow in {task.run_id}" + (f", and {made_of(evidence)}" if evidence else ""),
        mark=mark_of(told),
        sections=(
            Section("findings-first", "Findings", tables=(findings_table(findings, "Nothing was found."),)),
            Section(LINEAGE_SECTION, "Its lineage", tables=(_datasets(datasets),), figure=_figure(task, datasets)),
            Section(
                CALLS_SECTION, "Its calls, and what CloudTrail says of them", (_SAYS.replace("\n", " "),),
                task_tables(told, task.unit),
            ),
        ),
    )  # fmt: skip


def _findings(task: TaskOfRun, evidence: Evidence) -> Iterator[Finding]:
    yield from changed_finding(evidence)
    yield from trail_findings(evidence, lambda each: is_of(each["principal"], task.unit))
    yield from untold_findings(evidence, _KINDS)


def _datasets(datasets: Names) -> Table:
    rows = [(words, *pair) for way, words in ((READS, "read"), (WRITES, "written")) for pair in datasets.get(way, ())]
    return Table(
        "datasets", "Datasets, by OpenLineage's names", ("What was done", "Namespace", "Name"), rows,
        "None: the task moves no data, or has not come to its end.",
    )  # fmt: skip


def _figure(task: TaskOfRun, datasets: Names) -> Figure | None:
    """What was read, the task, what was written; None where it has told of no dataset."""
    read, written = (list(datasets.get(way, ())) for way in (READS, WRITES))
    if not read and not written:
        return None
    row = (_lines(read, "nothing read"), (task.name,), _lines(written, "nothing written"))
    says = " → ".join("; ".join(lines) for lines in row)
    return flow("lineage", f"Lineage: what {task.name} has read, and what it has written", says, [row])


def _lines(pairs: Sequence[Sequence[str]], nothing: str) -> Lines:
    told = [
        line for namespace, name in pairs[:_MOST_DATASETS] for line in (shortened(name), f"  {shortened(namespace)}")
    ]
    more = [f"and {len(pairs) - _MOST_DATASETS} more"] if len(pairs) > _MOST_DATASETS else []
    return (*told, *more) if told else (nothing,)
