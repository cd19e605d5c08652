"""The schema of what PostgreSQL lacks of Redshift's own, from `catalogue.sql`; it is on every session's path."""

from __future__ import annotations

from pathlib import Path

# The first part of the names of the session's settings that the schema's functions read.
SETTING = "drx"


def script() -> str:
    """Return the SQL that makes the schema, run by a superuser; running it again changes nothing."""
    return Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
