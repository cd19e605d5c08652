"""Airflow's UI as a person uses it: sign in, fill a form, read a page, take a picture of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from playwright.sync_api import Locator, Page

from druid_reindex.operators.request import BACKFILL_TICK

NIGHT_MILLISECONDS = 900_000
DIALOG = "[role=dialog][data-state=open]"


@dataclass
class AirflowUi:
    """A signed-in page of Airflow at ``url``; pictures go to ``pictures``."""

    page: Page
    url: str
    pictures: Path

    def sign_in(self, user: str, password: str) -> None:
        """Sign in by the form."""
        self.page.goto(self.url)
        self.page.fill("input[name=username]", user)
        self.page.fill("input[name=password]", password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("link", name="Dags").first.wait_for()

    def picture(self, name: str) -> None:
        """A picture of what is seen now, once nothing moves any more."""
        self.page.wait_for_timeout(800)
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def fill_form(self, dag_id: str, **values: Any) -> Locator:
        """The trigger form of the DAG, with the values filled in."""
        self.page.goto(f"{self.url}/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger").first.click()
        form = self.page.locator(DIALOG)
        form.locator("[name=element_reason]").wait_for()
        self._fill(form, values)
        return form

    def trigger(self, dag_id: str, picture: str, **values: Any) -> str:
        """The id of the run that the filled form has started; its page is shown."""
        form = self.fill_form(dag_id, **values)
        self.picture(picture)
        form.get_by_test_id("trigger-dag-submit").click()
        self.page.wait_for_url("**/runs/*")
        return unquote(self.page.url.rpartition("/")[2])

    def backfill(self, dag_id: str, first: str, last: str, picture: str, **values: Any) -> None:
        """A backfill by the form, of the runs between the days ``first`` and ``last`` (such as 2026/09/10)."""
        self.page.goto(f"{self.url}/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger").first.click()
        form = self.page.locator(DIALOG).filter(has_text="Backfill").first
        form.get_by_text("Run this Dag for a range of dates").click()
        for name, day, time in (("From", first, "00:00"), ("To", last, "23:59")):
            form.locator(f"[data-scope=field]:has(> label:text-is('{name}'))").get_by_test_id("datetime-input").click()
            picker = self.page.locator(f"{DIALOG}[data-scope=popover]")
            picker.get_by_placeholder("YYYY/MM/DD").fill(day)
            picker.get_by_placeholder("HH:mm").fill(time)
            picker.get_by_placeholder("HH:mm").press("Escape")
        self._fill(form, values)
        form.get_by_text(BACKFILL_TICK, exact=True).click()
        form.get_by_text("Date Range").scroll_into_view_if_needed()
        self.picture(picture)
        form.get_by_role("button", name="Run Backfill").click()
        form.wait_for(state="hidden")

    def end_of_run(self, dag_id: str, run_id: str) -> str:
        """How the run ended, as its page says without being loaded again."""
        self.open_run(dag_id, run_id)
        badge = self.page.get_by_test_id("state-badge").first.filter(has_text=re.compile("Success|Failed"))
        badge.wait_for(timeout=NIGHT_MILLISECONDS)
        return badge.inner_text()

    def open_run(self, dag_id: str, run_id: str, *parts: str) -> None:
        """The run's page, or one below it."""
        self.page.goto("/".join([f"{self.url}/dags/{dag_id}/runs/{run_id}", *parts]))

    def tab(self, name: str) -> str:
        """The text of one of our tabs of the run's page that is shown."""
        self.page.get_by_role("link", name=name, exact=True).last.click()
        body = self.page.frame_locator("iframe").locator("body")
        body.wait_for()
        return body.inner_text()

    def links(self) -> Mapping[str, str]:
        """The links of the task instance whose page is shown, by name."""
        self.page.get_by_role("link", name="Details", exact=True).last.click()
        heading = self.page.get_by_text("Extra Links")
        heading.wait_for()
        shown = heading.locator("xpath=..").locator("a")
        return {each.inner_text(): each.get_attribute("href") or "" for each in shown.all()}

    @contextmanager
    def connection(
        self, conn_id: str, kind: str, standard: Mapping[str, str], extra: Mapping[str, str]
    ) -> Iterator[None]:
        """A new connection, saved by the form, until the block ends."""
        self._add_connection(conn_id, kind, standard, extra)
        try:
            yield
        finally:
            self._delete_connection(conn_id)

    def _add_connection(self, conn_id: str, kind: str, standard: Mapping[str, str], extra: Mapping[str, str]) -> None:
        self.page.goto(f"{self.url}/connections")
        self.page.get_by_role("button", name="Add Connection").click()
        form = self.page.locator(DIALOG)
        form.locator("[name=connection_id]").fill(conn_id)
        kinds = form.get_by_role("combobox").first
        kinds.click()
        kinds.press_sequentially(kind)
        self.page.get_by_role("option", name=kind, exact=True).click()
        for name, value in standard.items():
            form.locator(f"[name={name}]").fill(value)
        self.picture(f"connection-{conn_id}-form")
        form.get_by_role("button", name="Extra Fields", exact=True).click()
        for name, value in extra.items():
            form.locator(f"[name=element_{name}]").fill(value)
        self.picture(f"connection-{conn_id}-extra")
        form.get_by_role("button", name="Save").click()
        form.wait_for(state="hidden")

    def test_connection(self, conn_id: str) -> str:
        """What the Test button says of the connection."""
        self.page.get_by_role("row").filter(has_text=conn_id).get_by_role("button", name="Test Connection").click()
        said = self.page.get_by_role("status").filter(has_text="Test Connection")
        said.wait_for(timeout=60_000)
        self.picture(f"connection-{conn_id}-tested")
        return said.inner_text()

    def _delete_connection(self, conn_id: str) -> None:
        self.page.goto(f"{self.url}/connections")
        row = self.page.get_by_role("row").filter(has_text=conn_id)
        row.get_by_role("button", name="Delete Connection").click()
        self.page.locator(DIALOG).get_by_role("button", name="Yes, Delete").click()
        row.wait_for(state="hidden")

    def _fill(self, form: Locator, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            field = form.locator(f"[name=element_{name}]")
            if value is True:
                form.locator(f"label:has([name=element_{name}])").click()
            elif field.get_attribute("type") == "hidden":
                form.locator(f"div:has(> [name=element_{name}])").get_by_role("combobox").click()
                self.page.get_by_role("option", name=value, exact=True).click()
            else:
                field.fill(value)
