"""Tests of the table of Druid's releases; the fixtures of tests/contract/druid are compared with it there."""

from __future__ import annotations

import pytest

from druid_reindex.clients.druid_versions import RELEASES, release_of, require_engine
from druid_reindex.errors import ConfigurationError, ProtocolError
from druid_reindex.model.pipeline import Engine


def test_rows_are_in_order_and_differ() -> None:
    majors = [row.major for row in RELEASES]
    assert majors == sorted(set(majors))
    assert majors[0] == 25


@pytest.mark.parametrize(("version", "major"), [("25.0.0", 25), ("28.0.1", 27), ("31.0.2", 30), ("36.0.0-iap1", 35)])
def test_a_release_between_two_rows_behaves_like_the_older(version: str, major: int) -> None:
    assert release_of(version, server="druid").major == major


def test_hadoop_ends_with_druid_37_and_the_error_says_so() -> None:
    assert require_engine(Engine.HADOOP, "36.0.0", server="druid").hadoop_opt_in
    for version in ("37.0.0", "41.2.0"):
        with pytest.raises(ConfigurationError, match=r"removed in 37\.0\.0.*engine: msq"):
            require_engine(Engine.HADOOP, version, server="druid")
        assert not require_engine(Engine.MSQ, version, server="druid").hadoop_ingestion


def test_older_releases_and_other_texts_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="upgrade"):
        release_of("24.0.2", server="druid")
    for text in ("", "latest", "25", "25.0"):
        with pytest.raises(ProtocolError):
            release_of(text, server="druid")
