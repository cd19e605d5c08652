"""A whole night of a pipeline in shadow: it writes beside what is served, answers the same, and leaves that alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.shadow import SUFFIX
from druid_reindex.sandbox.druid_users import make_users, pipelines_in
from real_sandbox import VITALS, Sandbox

pytestmark = pytest.mark.soak

SHADOW = f"{VITALS}{SUFFIX}"
DAYS = "2026-10-01/2026-10-04"


@pytest.fixture
def shadow(sandbox: Sandbox) -> Iterator[str]:
    """The shadow's datasource: a second file of the pipeline, taken away in the end; Airflow's user may write it."""
    folder = sandbox.checkout / "dags" / "pipelines"
    file = folder / f"{SHADOW}.yaml"
    file.write_text((folder / f"{VITALS}.yaml").read_text() + "mode: shadow\n")
    boundaries = load_boundaries(sandbox.checkout / "emr_configs")
    make_users(sandbox.home, sandbox.endpoints, pipelines_in(folder, boundaries))
    yield SHADOW
    file.unlink()


def used(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Every used segment of what is served."""
    return sandbox.druid.query(
        'SELECT "segment_id" FROM sys.segments WHERE "datasource" = ? ORDER BY 1',
        [{"type": "VARCHAR", "value": VITALS}],
    )


def test_a_shadow_answers_as_what_is_served_and_leaves_it_alone(sandbox: Sandbox, shadow: str) -> None:
    first, last = DAYS.split("/")
    segments, content = used(sandbox), sandbox.content(VITALS)
    wanted = [row for row in sandbox.rows_by_day(VITALS) if first <= str(row["d"])[:10] < last]
    assert len(wanted) == 3

    night = sandbox.night(shadow, interval=DAYS)

    assert (night.status, night.chunks_rebuilt) == ("rebuilt", 3)
    assert night.shadow is not None
    assert (night.shadow.compared_with, night.shadow.equal, night.shadow.unequal) == (VITALS, 3, 0)
    assert sandbox.rows_by_day(shadow) == wanted
    assert (used(sandbox), sandbox.content(VITALS)) == (segments, content)
