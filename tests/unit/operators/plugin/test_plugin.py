"""Tests of the plugin as Airflow loads it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

from druid_reindex.operators import links
from druid_reindex.operators.plugin import PREFIX, DruidReindexPlugin


def test_the_entry_point_is_a_plugin_whose_tabs_lead_to_their_pages() -> None:
    (entry,) = entry_points(group="airflow.plugins", name="druid_reindex")
    assert entry.load() is DruidReindexPlugin
    state, tab, evidence, runs = DruidReindexPlugin.external_views
    assert (state["name"], state["href"]) == ("State", "druid-reindex/states/{DAG_ID}/{RUN_ID}")
    assert tab == {
        "name": "Plan",
        "href": "druid-reindex/plans/{DAG_ID}/{RUN_ID}",
        "destination": "dag_run",
        "url_route": links.PLAN_TAB,
    }
    assert (evidence["href"], evidence["url_route"]) == (
        "druid-reindex/evidence/{DAG_ID}/{RUN_ID}", links.EVIDENCE_TAB,
    )  # fmt: skip
    assert (runs["href"], runs["destination"]) == ("druid-reindex/evidence", "nav")
    assert [app["url_prefix"] for app in DruidReindexPlugin.fastapi_apps] == [PREFIX] == ["/druid-reindex"]


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = "{'fastapi', 'boto3', 'botocore', 'httpx', 'pydantic', 'druid_reindex.operators.plugin.pages'}"
    code = (
        "import sys; import airflow.sdk.plugins_manager; before = set(sys.modules); "
        f"import druid_reindex.operators.plugin; print(sorted((set(sys.modules) - before) & {heavy}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
