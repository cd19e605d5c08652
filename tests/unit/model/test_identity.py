"""One identity for each DagRun of each deployment."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.model.identity import RunId, digest

DEPLOYMENT = UUID("6f0f3a52-6a5b-4c63-9c0f-2d9f1d6f7a10")
RUNS = st.tuples(st.text(), st.text())


@given(RUNS, RUNS)
def test_two_runs_are_equal_only_when_they_are_one(first: tuple[str, str], second: tuple[str, str]) -> None:
    of_first, of_second = (RunId.of(DEPLOYMENT, dag_id=dag, run_id=run) for dag, run in (first, second))
    assert (of_first == of_second) == (first == second)


def test_parts_do_not_run_into_each_other() -> None:
    assert RunId.of(DEPLOYMENT, dag_id="a", run_id="b/c") != RunId.of(DEPLOYMENT, dag_id="a/b", run_id="c")


def test_another_deployment_is_another_run() -> None:
    here, there = (RunId.of(each, dag_id="d", run_id="r") for each in (DEPLOYMENT, UUID(int=1)))
    assert here != there


def test_names_stay_the_same_between_releases() -> None:
    run = RunId.of(DEPLOYMENT, dag_id="nightly_reindex__vitals", run_id="scheduled__2026-10-06")
    assert str(run) == "c3af2ad8-134d-5a55-84cd-5788eb7fe0d6"
    assert run.short == str(run).replace("-", "")[:12]


def test_a_digest_is_sha_256() -> None:
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
