"""Nothing on the way can be read: every packet between real engines, in a network of their own.

The smallest real stage: Airflow, Druid and the account start, planted events go through S3 into Druid, are asked for,
and go through HDFS of a kerberized cluster. `tests/soak/test_packets.py` listens to whole nights.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from listening import listened

pytestmark = pytest.mark.soak


def test_no_canary_goes_over_a_hop_and_one_does_without_tls(tmp_path: Path) -> None:
    told = listened("hops", tmp_path, ["COMPLETED"], limit_seconds=1200)
    assert told["heard"] == {}
