"""After nights of a sandbox: CloudTrail delivered, the nights laid beside it by Airflow's own DAG, their pages written.

CloudTrail itself would take minutes for its files, and up to an hour for the digest that vouches for them.
"""

from __future__ import annotations

import getpass
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from druid_reindex.clients.airflow import AirflowApi
from druid_reindex.clients.evidence_folders import s3_folders
from druid_reindex.clients.locked_store import LockedStore
from druid_reindex.clients.night_runs import NightRuns
from druid_reindex.clients.night_summary import Summary
from druid_reindex.clients.session import build_session
from druid_reindex.clients.survey import AwsSurvey
from druid_reindex.evidence.access import Access
from druid_reindex.evidence.pack import LINES
from druid_reindex.evidence.report_html import html
from druid_reindex.evidence.report_night import night_report
from druid_reindex.evidence.report_read import read_packs
from druid_reindex.evidence.sign_off import read_sign_off
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import airflow
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.distributions import Report
from druid_reindex.sandbox.home import SandboxHome

DAG_FILE, DAG_ID = "evidence.py", "evidence__phi"
SECONDS = 600.0
REMEDY = "look at the run in Airflow's UI: `druid-reindex sandbox ui`"
# A night is told once a digest ends after its last call, and digests end in whole seconds.
SETTLED_SECONDS = 2.1


def is_there() -> bool:
    """Whether the sandbox's DAGs have the one that lays nights beside CloudTrail."""
    return (airflow.dags_folder() / DAG_FILE).is_file()


def confirm(home: SandboxHome, api: AirflowApi, report: Report) -> str:
    """The final state of a run of the DAG of evidence, after everything that CloudTrail has was delivered.

    It is failed where a person must look at something.
    """
    time.sleep(SETTLED_SECONDS)
    made = command.ask(home, "deliver")
    report(f"trail: {len(made['files'])} files and {len(made['digests'])} digests delivered")
    runs = NightRuns(api, DAG_ID, report, {}, remedy=REMEDY, what="evidence")
    return runs.follow(runs.start(), limit_seconds=SECONDS)


def told(summary: Summary, pages: Path) -> Summary:
    """The summary with what the night's packs tell by now, as its page among ``pages`` shows it.

    Reads as whom the environment names, and writes down beside the packs that it does.
    """
    if summary.evidence.pack is None:
        return summary
    session = build_session()
    (folder,) = s3_folders(LockedStore(session), S3Uri.parse(summary.evidence.pack.rpartition("/")[0]))
    page = pages / f"evidence-{'-'.join(folder.where.split('/')[-2:])}.html"
    keys = folder.keys()
    evidence = read_packs(folder.packs(), keys)
    shown = tuple(each.sha256 for each in evidence.packs)
    who = AwsSurvey(session).identity().arn
    folder.note(Access(datetime.now(UTC), getpass.getuser(), who, "report html, by a night's summary", shown))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_bytes(html(night_report(evidence, [read_sign_off(each, keys) for each in folder.sign_offs()])))
    latest = f"{folder.where}/{evidence.packs[-1].title.stem}{LINES}" if evidence.packs else summary.evidence.pack
    return replace(summary, evidence=summary.evidence.confirmed(latest, evidence, str(page)))
