"""``druid-reindex evidence``: what a night left for the auditor, verified and shown; whether CloudTrail is whole."""

from __future__ import annotations

import typer

from druid_reindex.cli import evidence_reconcile, evidence_report, evidence_sign_off, evidence_trail, evidence_verify

app = typer.Typer(no_args_is_help=True, help="Verify and show the evidence that nights leave, and decide on it.")
evidence_verify.register(app)
evidence_report.register(app)
evidence_sign_off.register(app)
evidence_trail.register(app)
evidence_reconcile.register(app)
