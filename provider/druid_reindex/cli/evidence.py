"""``druid-reindex evidence``: what a night left for the auditor, verified and shown."""

from __future__ import annotations

import typer

from druid_reindex.cli import evidence_verify

app = typer.Typer(no_args_is_help=True, help="Verify the evidence that nights leave.")
evidence_verify.register(app)
