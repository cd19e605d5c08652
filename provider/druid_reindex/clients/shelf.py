"""One record in the object store that several write: changed by compare-and-swap, so that no change is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from druid_reindex.errors import ConflictError
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.names import RunsPlace
from druid_reindex.ports import RecordStorePort

T = TypeVar("T")
_TRIES = 8


class RecordPlace(RunsPlace, Protocol):
    """What says where records are kept, and what they are encrypted with."""

    @property
    def kms_key_arn(self) -> str:
        """The KMS key."""


@dataclass(frozen=True)
class Shelf(Generic[T]):
    """Where one record is kept; every change is conditional on what was read."""

    store: RecordStorePort
    uri: S3Uri
    kms_key_arn: str
    parse: Callable[[bytes], T]
    form: Callable[[T], bytes]

    def read(self) -> T | None:
        """The record as it stands; None when there has never been one."""
        return self._read()[0]

    def swap(self, change: Callable[[T | None], T | None]) -> T | None:
        """The record after ``change``, which is asked again whenever somebody else was quicker; None leaves it alone.

        Raises ConflictError when others were quicker each time.
        """
        for attempt in range(_TRIES):
            current, etag = self._read()
            wanted = change(current)
            if wanted is None:
                return current
            try:
                self.store.put_if(self.uri, self.form(wanted), kms_key_arn=self.kms_key_arn, etag=etag)
            except ConflictError:
                if attempt == _TRIES - 1:
                    raise
            else:
                return wanted
        raise AssertionError("the last try returns or raises")

    def _read(self) -> tuple[T | None, str | None]:
        found = self.store.get_with_etag(self.uri)
        return (self.parse(found[0]), found[1]) if found is not None else (None, None)
