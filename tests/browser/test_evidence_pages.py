"""The pages of evidence in Airflow, as people see them: by a screen of any width, in the dark, without scripts.

The pictures are in .cache/pictures, for whoever wants to look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from airflow_ui import AirflowUi
from evidence_airflow import CHANGED, DAG_ID, GOOD, PASSWORD, PENDING, TOUCHED, USER, EvidenceAirflow, evidence_airflow
from own_airflow import RESTRICTED, ROOT
from readable import Watched, defects

pytestmark = pytest.mark.sandbox

PICTURES = ROOT / ".cache" / "pictures"
SCREENS = {"laptop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
LOOKS = [(screen, scheme) for screen in SCREENS for scheme in ("light", "dark")]
TASK = "tasks/reindex/0"


@dataclass(frozen=True)
class SignedIn:
    """An Airflow, a browser, and what it keeps of a user who has signed in."""

    airflow: EvidenceAirflow
    browser: Browser
    state: Any

    def run_url(self, which: int, page: str = "") -> str:
        own = f"{self.airflow.url}/druid-reindex/evidence/{DAG_ID}/{quote(self.airflow.runs[which], safe='')}"
        return f"{own}/{page}".rstrip("/")

    @property
    def list_url(self) -> str:
        return f"{self.airflow.url}/druid-reindex/evidence"

    def context(self, screen: str = "laptop", scheme: str = "light", *, scripts: bool = False) -> BrowserContext:
        return self.browser.new_context(
            storage_state=self.state, viewport=SCREENS[screen], color_scheme=scheme, java_script_enabled=scripts,
        )  # fmt: skip


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvidenceAirflow]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with evidence_airflow(tmp_path_factory.mktemp("evidence")) as found:
        yield found


def sign_in(airflow: EvidenceAirflow, opened: Browser, user: str) -> SignedIn:
    """The user, signed in by the form."""
    with opened.new_context() as context:
        AirflowUi(context.new_page(), airflow.url, PICTURES).sign_in(user, PASSWORD)
        return SignedIn(airflow, opened, context.storage_state())


@pytest.fixture(scope="module")
def ada(airflow: EvidenceAirflow, opened: Browser) -> SignedIn:
    return sign_in(airflow, opened, USER)


@pytest.fixture(scope="module")
def bob(airflow: EvidenceAirflow, opened: Browser) -> SignedIn:
    return sign_in(airflow, opened, RESTRICTED)


def pages(user: SignedIn) -> dict[str, str]:
    return {
        "list": user.list_url,
        "report": user.run_url(TOUCHED),
        "report-pending": user.run_url(PENDING),
        "report-good": user.run_url(GOOD),
        "verify": user.run_url(GOOD, "verify"),
        "verify-changed": user.run_url(CHANGED, "verify"),
        "task": user.run_url(TOUCHED, TASK),
        "no-such-run": f"{user.list_url}/{DAG_ID}/manual__none",
    }


@pytest.mark.parametrize(("screen", "scheme"), LOOKS)
def test_each_page_is_readable_without_scripts_on_any_screen_in_any_light(
    screen: str, scheme: str, ada: SignedIn
) -> None:
    found: dict[str, list[str]] = {}
    with ada.context(screen, scheme) as context:
        for name, url in pages(ada).items():
            page = context.new_page()
            watched = Watched(page, urlsplit(url).netloc)
            answer = page.goto(url)
            assert answer is not None
            assert answer.status == (404 if name == "no-such-run" else 200), name
            page.screenshot(path=PICTURES / f"{name}-{screen}-{scheme}.png", full_page=True)
            wrong = [each for each in watched.wrong if "404" not in each or name != "no-such-run"]
            found[name] = [*wrong, *defects(page)]
            page.close()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_on_paper_nothing_is_told_by_colour_and_nothing_is_cut_off(ada: SignedIn) -> None:
    with ada.context() as context:
        for name, url in pages(ada).items():
            page = context.new_page()
            page.goto(url)
            page.emulate_media(media="print")
            page.screenshot(path=PICTURES / f"{name}-paper.png", full_page=True)
            colours = page.evaluate(
                "() => [...document.querySelectorAll('body *')].map((e) => getComputedStyle(e).color)"
                ".filter((c) => new Set(c.match(/[0-9]+/g).slice(0, 3)).size > 1)"
            )
            assert colours == [], name
            assert not page.locator("nav:visible").count(), name
            page.close()


def test_findings_come_first_and_the_worst_of_them(ada: SignedIn) -> None:
    with ada.context() as context:
        page = context.new_page()
        page.goto(ada.run_url(TOUCHED))
        assert page.locator("h2").all_inner_texts()[:2] == ["What this report cannot see", "Findings"]
        assert page.locator("#findings .level").all_inner_texts() == ["✗ red", "! amber"]
        assert page.locator(".mark").inner_text() == "trail: emulated"


def test_the_list_leads_to_each_page_and_each_page_back(ada: SignedIn) -> None:
    with ada.context() as context:
        page = context.new_page()
        page.goto(ada.list_url)
        states = page.locator("tbody .level").all_inner_texts()
        assert states == ["✗ red", "✓ green", "! amber", "✗ red"]
        page.get_by_role("link", name=f"Verify of {ada.airflow.runs[GOOD]}").click()
        assert page.locator(".verdict").inner_text().startswith("✓ green")
        page.get_by_role("link", name="Report", exact=True).click()
        assert page.locator("h1").inner_text() == "Evidence of a night: patient_vitals"
        page.get_by_role("link", name="All nights").click()
        assert page.locator("h1").inner_text() == "Evidence of nights"
        page.get_by_role("link", name=f"Verify of {ada.airflow.runs[CHANGED]}").click()
        assert "body.reference" in page.locator(".verdict").inner_text()
        assert page.locator(".mark").inner_text() == "trail: emulated"
        with page.expect_download() as document:
            page.get_by_role("link", name="PDF", exact=True).click()
        kept = PICTURES / "evidence.pdf"
        document.value.save_as(kept)
        assert kept.read_bytes().startswith(b"%PDF")


def test_in_airflow_the_run_s_tab_is_the_report_and_each_task_links_to_its_own(ada: SignedIn) -> None:
    with ada.context(scripts=True) as context:
        ui = AirflowUi(context.new_page(), ada.airflow.url, PICTURES)
        ui.open_run(DAG_ID, quote(ada.airflow.runs[TOUCHED], safe=""))
        assert "Evidence of a night" in ui.tab("Evidence")
        ui.picture("airflow-tab")
        ui.open_run(DAG_ID, quote(ada.airflow.runs[TOUCHED], safe=""), "tasks", "reindex", "mapped", "0")
        links = ui.links()
        ui.picture("airflow-links")
        assert {"Evidence", "Lineage", "CloudTrail matches"} <= links.keys()
        for name, heading in (("Lineage", "Its lineage"), ("CloudTrail matches", "Its calls, and what CloudTrail")):
            seen = _followed(context, ada.airflow.url, links[name])
            assert heading in seen.locator(":target").inner_text()
            assert "Task reindex[0]" in seen.locator("h1").inner_text()
            seen.close()


@pytest.mark.parametrize(("screen", "scheme"), LOOKS)
def test_the_tab_and_the_list_are_there_on_any_screen_in_any_light(screen: str, scheme: str, ada: SignedIn) -> None:
    run = f"dags/{DAG_ID}/runs/{quote(ada.airflow.runs[TOUCHED], safe='')}"
    with ada.context(screen, scheme, scripts=True) as context:
        ui = AirflowUi(context.new_page(), ada.airflow.url, PICTURES)
        for name, path, heading in (
            ("tab", f"{run}/plugin/druid-reindex-evidence", "Evidence of a night: patient_vitals"),
            ("nav", "plugin/druid-reindex-evidence-runs", "Evidence of nights"),
        ):
            ui.page.goto(f"{ada.airflow.url}/{path}")
            assert ui.page.frame_locator("iframe").locator("h1").inner_text() == heading
            ui.picture(f"airflow-{name}-{screen}-{scheme}")


def _followed(context: BrowserContext, url: str, link: str) -> Page:
    page = context.new_page()
    page.goto(link if link.startswith("http") else f"{url}{link}")
    return page


def test_who_may_not_read_the_dag_is_refused_and_does_not_see_its_runs(ada: SignedIn, bob: SignedIn) -> None:
    with bob.context() as context:
        page = context.new_page()
        page.goto(bob.list_url)
        assert "None yet" in page.locator("main").inner_text()
        page.screenshot(path=PICTURES / "list-restricted.png")
        for end in ("", "verify", "report.pdf", "tables.zip", TASK):
            answer = context.request.get(bob.run_url(TOUCHED, end))
            assert (answer.status, "patient" in answer.text()) == (403, False), end
    with ada.browser.new_context() as nobody:
        for url in (ada.list_url, ada.run_url(TOUCHED), ada.run_url(TOUCHED, "verify")):
            assert nobody.request.get(url).status == 401


def test_each_reading_is_written_down_in_the_account(ada: SignedIn) -> None:
    s3 = ada.airflow.account.client("s3")
    try:
        before = _readings(s3)
        with ada.context() as context:
            for end in ("", "verify", "report.pdf", "tables.zip", TASK):
                assert context.request.get(ada.run_url(GOOD, end)).ok
            assert context.request.get(ada.list_url).ok
        assert _readings(s3) == before + 5
    finally:
        s3.close()


def _readings(s3: Any) -> int:
    listed = s3.list_objects_v2(Bucket="drx-evidence-111122223333", Prefix="phi/access/")
    return len(listed.get("Contents", []))


def test_what_keeps_people_from_reading_is_found(opened: Browser) -> None:
    with opened.new_context(viewport=SCREENS["phone"], java_script_enabled=False) as context:
        page = context.new_page()
        page.set_content(
            "<!doctype html><html lang=en><title>t</title><body style='background: #fff'><h1>One</h1>"
            "<p style='color: #999'>faint</p><p style='width: 900px'>wide</p><a href='#'></a>"
            "<table><tr><th>x</th></tr></table><strong class=level>red</strong>"
            "<svg><text y=20 style='fill: #ddd'>pale</text></svg>"
        )
        found = " ".join(defects(page))
    for each in ("faint: 2.85 of 4.5", "P  9", "link ", "heading without scope x", "without its word: red", "pale: "):
        assert each in found
