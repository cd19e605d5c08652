"""What the Data API answers to a request that it refuses, and what a statement ends with that Redshift refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg2

VALIDATION = "ValidationException"
NOT_FOUND = "ResourceNotFoundException"
BAD_REQUEST = 400
# Source: https://docs.aws.amazon.com/redshift/latest/dg/r_STL_ERROR.html (the codes that COPY and UNLOAD put there)
S3_CODE, SPECTRUM_CODE = 8001, 15007
_RULE = "-----------------------------------------------"


class ApiRefusal(Exception):
    """A request that is answered with an error: `code` is the exception's name in botocore's model."""

    def __init__(self, code: str, said: str, more: Mapping[str, str] | None = None) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.more = dict(more or {})


class SqlRefusal(Exception):
    """A statement that ends FAILED; the text is DescribeStatement's `Error`."""


class Cancelled(Exception):
    """The statement was cancelled while it moved files."""


@dataclass(frozen=True)
class Wrong:
    """One row or field that COPY did not take: what stl_load_errors tells."""

    file: str
    line: int
    column: str = ""
    type: str = ""
    code: int = 0
    reason: str = ""
    value: str = field(default="", repr=False)


class LoadRefusal(SqlRefusal):
    """A COPY that ends FAILED because of its input."""

    def __init__(self, table: str, errors: tuple[Wrong, ...]) -> None:
        """Source: https://docs.aws.amazon.com/redshift/latest/dg/t_Troubleshooting_load_errors.html"""
        text = f"Load into table '{table}' failed.  Check 'sys_load_error_detail' system table for details."
        super().__init__(error(text))
        self.errors = errors


def validation(said: str) -> ApiRefusal:
    """Return the refusal of a request that is wrong in itself."""
    return ApiRefusal(VALIDATION, said)


def not_found(statement_id: str) -> ApiRefusal:
    """Return the refusal of a statement that nobody submitted, whose results expired, or that is another's."""
    return ApiRefusal(NOT_FOUND, "Query does not exist.", {"ResourceId": statement_id})


def outside(what: str) -> SqlRefusal:
    """Return the refusal of what stands outside the allowlist, by its name."""
    return SqlRefusal(error(f"{what} is not supported: this Redshift does not have it among what it allows"))


def error(text: str) -> str:
    """Return the text as the Data API tells an engine's error."""
    return f"ERROR: {text}"


def detailed(text: str, code: int, context: str) -> SqlRefusal:
    """Return the refusal with Redshift's block of details.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html,
    https://github.com/aws-samples/aws-redshift-spectrum-poc/issues/3 (the block's form)
    """
    lines = (_RULE, f"error:  {text}", f"code:      {code}", f"context:   {context}", _RULE)
    return SqlRefusal(f"{error(text)}\n  Detail: \n  " + "\n  ".join(lines))


def of_engine(raised: psycopg2.Error) -> str:
    """Return what PostgreSQL said, in the form of the Data API; positions and hints are PostgreSQL's and left out."""
    said = raised.diag.message_primary or str(raised).strip() or type(raised).__name__
    detail = raised.diag.message_detail
    return error(said) + (f"\n  Detail: {detail}" if detail else "")
