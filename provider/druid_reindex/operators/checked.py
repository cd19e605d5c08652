"""What was checked of a batch, counted by check and column: for those who are told that, and no number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from druid_reindex.evidence.lineage_facets import Check
from druid_reindex.model.expectation import Expectation, Result
from druid_reindex.quality.expectations import Wanted
from druid_reindex.quality.judge import Finding

if TYPE_CHECKING:
    from druid_reindex.operators.judging import Judgement

# The checks whose ``of`` is a column; of the others it is an hour, or says what was counted.
_OF_COLUMNS = frozenset({"sum", "nulls", "distinct", "negative", "magnitude"})
_COUNTED = frozenset({"schema", "segments"})


def checks_of(
    wanted: Iterable[Wanted], findings: Iterable[Finding], expected: Iterable[tuple[Expectation, Result]]
) -> tuple[Check, ...]:
    """How often each check was made of each column, over all chunks, and how often it did not hold."""
    failed = {(finding.chunk, finding.check) for finding in findings}
    made: Counter[tuple[str, str | None]] = Counter()
    bad: Counter[tuple[str, str | None]] = Counter()
    for each in wanted:
        made[_named(each)] += 1
        bad[_named(each)] += (each.chunk, f"{each.check} {each.of}".strip()) in failed
    for expectation, result in expected:
        name = expectation.type, next(iter(expectation.columns), None)
        made[name] += 1
        bad[name] += not result.held
    return tuple(Check(name, column, made[name, column], bad[name, column]) for name, column in made)


def unjudged(judgement: Judgement) -> tuple[Check, ...]:
    """A failed check for a batch that does not hold although none of its checks failed: it could not be judged."""
    stops = judgement.stops and not any(check.failed for check in judgement.checks)
    return (Check("batch", None, 1, 1),) if stops else ()


def joined(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks of several batches as those of one."""
    made: Counter[tuple[str, str | None]] = Counter()
    failed: Counter[tuple[str, str | None]] = Counter()
    for each in checks:
        made[each.name, each.column] += each.made
        failed[each.name, each.column] += each.failed
    return tuple(Check(*key, made[key], failed[key]) for key in made)


def _named(wanted: Wanted) -> tuple[str, str | None]:
    if wanted.check in _OF_COLUMNS:
        return wanted.check, wanted.of
    return (f"{wanted.check}: {wanted.of}" if wanted.check in _COUNTED else wanted.check), None
