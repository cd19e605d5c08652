"""What Redshift's messages mean, and that none of their values is told."""

from __future__ import annotations

import pytest

from druid_reindex.clients.redshift_errors import MEANINGS, failure
from druid_reindex.errors import (
    ConfigurationError,
    ConflictError,
    DruidReindexError,
    NotAuthorizedError,
    NotFoundError,
    RefusedError,
    StatementFailedError,
    ThrottledError,
    UnavailableError,
)

# What came back, from AWS's documentation and from PostgreSQL, whose words Redshift shares; what it means.
SAID: list[tuple[str, type[DruidReindexError], str]] = [
    (("ERROR: User arn:aws:redshift:us-east-1:111122223333:dbuser:drx/x is not authorized to assume IAM Role "
     "arn:aws:iam::111122223333:role/R"), NotAuthorizedError, "may not become the role"),
    ("ERROR: S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,Rid 4", ThrottledError,
     "SlowDown"),
    ("ERROR: S3ServiceException:We encountered an internal error.,Status 500,Error InternalError,Rid 4",
     UnavailableError, "S3 failed"),
    (("ERROR: S3ServiceException:The bucket you are attempting to access must be addressed using the specified "
     "endpoint.,Status 301,Error PermanentRedirect,Rid 4"), ConfigurationError, "another Region"),
    ("ERROR: S3ServiceException:User is not authorized to perform: kms:GenerateDataKey,Status 403,Error AccessDenied",
     NotAuthorizedError, "KMS refused"),
    ("ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 7", NotAuthorizedError, "S3 refused"),
    ("ERROR: S3ServiceException:NotFoundException: Invalid key id,Status 400,Error KMS.NotFoundException",
     NotFoundError, "no such key"),
    ("S3ServiceException: x,Status 400,Error KMS.DisabledException,Rid 1", ConfigurationError, "disabled"),
    ("ERROR: The specified bucket does not exist", NotFoundError, "no such bucket"),
    ("ERROR: The specified S3 prefix 'runs/ann-smith' does not exist", NotFoundError, "file that the manifest lists"),
    ("ERROR: The specified unload destination on S3 is not empty. Consider using a different bucket / prefix",
     ConflictError, "not empty"),
    ("ERROR: 1023 DETAIL: Serializable isolation violation on table in Redshift", ConflictError, "another transaction"),
    ("ERROR: deadlock detected", ConflictError, "another transaction"),
    ('ERROR: relation "snapshot__loads" already exists', ConflictError, "by somebody else"),
    ("ERROR: permission denied for relation claims", NotAuthorizedError, "the database refuses"),
    ('ERROR: relation "billing.claims" does not exist', NotFoundError, "does not exist"),
    ('ERROR: syntax error at or near "Smith" Position: 3', RefusedError, "syntax error"),
    ("ERROR: Load into table 'stage' failed. Check 'sys_load_error_detail' system table for details.",
     StatementFailedError, "do not fit the columns"),
    (("ERROR: Spectrum Scan Error DETAIL: error: code: 15007 context: has an incompatible Parquet schema for column "
     "'s3://b/k.name'"), StatementFailedError, "do not fit the columns (15007)"),
    ('ERROR: invalid input syntax for type integer: "Ann Smith"', StatementFailedError, "do not fit the columns"),
    ("ERROR: Cannot insert a NULL value into column token. not null", StatementFailedError, "without a value"),
    ("ERROR: Divide by zero", StatementFailedError, "divides by zero"),
    ("ERROR: Disk Full DETAIL: code: 1016", StatementFailedError, "no room left (1016)"),
    ("ERROR: Redshift cluster is paused", UnavailableError, "could not be reached"),
    ("ERROR: Query (12) cancelled on user's request", RefusedError, "stopped it"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "kind", "told"), SAID, ids=[said[:40] for said, _, _ in SAID])
def test_a_message_that_is_known(said: str, kind: type[DruidReindexError], told: str) -> None:
    error = failure("unload the rows", "statement 1", said)
    assert type(error) is kind
    assert told in error.came_back


def test_every_meaning_is_met() -> None:
    met = {next(i for i, each in enumerate(MEANINGS) if each.said.search(said)) for said, _, _ in SAID}
    assert met == set(range(len(MEANINGS)))


@pytest.mark.parametrize("said", ["ERROR: Ann Smith, born 1970-01-01, is odd", "", "ERROR: 'x'\ncode:   8001"])
def test_a_message_that_is_not_known_is_withheld_but_for_its_code(said: str) -> None:
    error = failure("unload the rows", "statement 1", said)
    assert type(error) is StatementFailedError
    assert error.came_back.startswith("an error whose words may quote a row, and are withheld")
    assert ("8001" in error.came_back) == ("8001" in said)
    assert "sys_query_history" in error.remedy


def test_no_message_tells_a_value() -> None:
    for said, _, _ in SAID:
        told = str(failure("load", "a table", said))
        assert not [value for value in ("Ann", "Smith", "ann-smith", "claims", "dbuser") if value in told], told


def test_load_errors_are_told() -> None:
    lines = ["column day, DATE, error 1206, line 3"]
    assert "column day" in failure("load", "t", "Load into table x failed", load_errors=lines).came_back
