"""Opens a task's journal of calls, and puts it into S3 when the try ends, fails or begins to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from airflow.sdk.exceptions import AirflowException

from druid_reindex.errors import DruidReindexError
from druid_reindex.model.uri import Arn

if TYPE_CHECKING:
    from druid_reindex.clients.journal_files import JournalFiles
    from druid_reindex.model.attempt import Attempt
    from druid_reindex.model.boundary import Boundary
    from druid_reindex.ports import ObjectStorePort


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where the journals of one side of the boundary are kept, and under which KMS key, whose account is asked."""

    runs_uri: str
    kms_key_arn: str

    @classmethod
    def of(cls, boundary: Boundary) -> Self:
        """As the boundary says."""
        return cls(boundary.runs_uri, boundary.kms_key_arn)

    @property
    def account(self) -> str:
        """The account of the key, in which the side's data are."""
        return Arn.parse(self.kms_key_arn).account

    @property
    def files(self) -> JournalFiles:
        """What of it this worker's spool has."""
        from druid_reindex.clients.journal_files import JournalFiles  # noqa: PLC0415

        return JournalFiles(self.runs_uri, self.kms_key_arn)


@contextmanager
def journalling(
    keeping: Keeping, attempt: Attempt, store: Callable[[], ObjectStorePort], warn: Callable[[str], None]
) -> Iterator[None]:
    """Journal what is asked until the block ends; ``store`` then gets the journal, and what others have left."""
    from druid_reindex.clients.journal import Binding, journalled  # noqa: PLC0415

    with journalled(Binding(attempt, keeping.runs_uri, keeping.account)) as journal:
        try:
            yield
        finally:
            journal.close()
            deliver(keeping, store, warn)


def deliver(keeping: Keeping, store: Callable[[], ObjectStorePort], warn: Callable[[str], None]) -> None:
    """Put the journals into S3; what cannot be put now stays in the spool for the next task, and is told."""
    if not keeping.files.waiting():
        return
    try:
        keeping.files.deliver(store())
    except (DruidReindexError, AirflowException) as error:
        warn(f"the journal of calls stays in the worker's spool for now: {error}")
