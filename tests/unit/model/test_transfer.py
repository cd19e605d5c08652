"""What an unload and a load may be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from druid_reindex.model.transfer import Compression, FileFormat, Load, Unload

UNLOAD: dict[str, Any] = {"name": "claims", "sql": "unload/claims.sql"}
LOAD: dict[str, Any] = {"name": "snapshot", "table": "clinic.snapshot", "columns": ["day"], "mode": "swap"}


def test_parquet_by_default() -> None:
    unload = Unload.model_validate(UNLOAD)
    assert (unload.format, unload.compression, unload.max_file_size_mb) == (FileFormat.PARQUET, Compression.NONE, 256)


@pytest.mark.parametrize(
    "changes",
    [{"name": "Claims"}, {"name": "a" * 41}, {"name": "a-b"}, {"sql": "claims.sql"}, {"sql": "unload/../x.sql"},
     {"sql": "load/claims.sql"}, {"max_file_size_mb": 4}, {"max_file_size_mb": 6_201}, {"format": "orc"},
     {"compression": "zstd"}, {"key": "AKIA"}],
)  # fmt: skip
def test_an_unload_that_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Unload.model_validate(UNLOAD | changes)


@pytest.mark.parametrize(
    "changes",
    [{"table": "snapshot"}, {"table": "a.b.c"}, {"table": 'clinic.sn"ap'}, {"table": "clinic." + "a" * 64},
     {"columns": []}, {"columns": ["Day"]}, {"columns": ["day; DROP"]}, {"mode": "append"}, {"keys": ["a b"]},
     {"sql": "unload/x.sql"}],
)  # fmt: skip
def test_a_load_that_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Load.model_validate(LOAD | changes)
