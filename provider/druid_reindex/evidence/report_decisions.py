"""What reviewers decided, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from druid_reindex.evidence.report import Cell, Table
from druid_reindex.evidence.sign_off import Doubtful, SignOff


def decisions_table(said: Sequence[tuple[str, SignOff | Doubtful]]) -> Table:
    """The decisions, each with who took it and on which pack; one that proves nothing says why."""
    rows: list[Sequence[Cell]] = []
    for where, each in said:
        match each:
            case SignOff():
                rows.append((each.at, each.by, each.identity, each.decision.value, each.note, each.pack, each.sha256))
            case Doubtful():
                rows.append((None, "not proven", each.why, "", "", where, None))
    columns = ("At (UTC)", "By", "Identity that AWS took", "Decision", "Note", "Pack", "SHA-256 of its lines")
    return Table("decisions-taken", "Decisions, as they were signed", columns, rows, "Nobody has decided yet.")
