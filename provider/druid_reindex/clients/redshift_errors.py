"""What it means that Redshift's statement failed, in one table; what it said is never told as it is.

Redshift's messages may quote the row that they are about. A message that the table knows is told in the table's words,
with the code that it carries; any other one is withheld, but for its code.
Sources: https://docs.aws.amazon.com/redshift/latest/dg/loading-data-troubleshooting.html,
https://docs.aws.amazon.com/redshift/latest/dg/s3serviceexception-error.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html,
https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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

Kind = type[DruidReindexError]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A message that is known: how it reads, what it means, in words without a value, and what to do."""

    said: re.Pattern[str]
    kind: Kind
    told: str
    remedy: str


def _means(said: str, kind: Kind, told: str, remedy: str) -> Meaning:
    return Meaning(re.compile(said, re.IGNORECASE | re.DOTALL), kind, told, remedy)


_ACCESS = "check the role chain of the boundary, the bucket's policy and the key's policy"
_GRANTS = "grant the database user of the Airflow role (IAMR:<role>) what the statement needs"
_COLUMNS = "make the table's columns and the pipeline's agree with the files'"
MEANINGS = (
    _means(r"not authorized to assume|cannot assume|AssumeRole", NotAuthorizedError,
           "Redshift may not become the role", "associate the first role with the cluster, and let each trust the one "
           "before it"),
    _means(r"S3ServiceException.{0,80}?(SlowDown|Status 503)", ThrottledError, "S3 asked to slow down", "wait"),
    _means(r"S3ServiceException.{0,80}?(InternalError|Status 500)", UnavailableError, "S3 failed", "try again"),
    _means(r"PermanentRedirect|AuthorizationHeaderMalformed|Status 301|must be addressed using", ConfigurationError,
           "the bucket is in another Region", "write the bucket's Region, and for Parquet use a bucket of Redshift's"),
    _means(r"(KMS|kms).{0,120}(AccessDenied|not authorized|Access Denied)|not authorized to perform: kms",
           NotAuthorizedError, "KMS refused the role the key", _ACCESS),
    _means(r"NotFoundException.{0,40}key|KMS\.NotFound", NotFoundError, "KMS has no such key",
           "correct the boundary's kms_key_arn"),
    _means(r"KMS\.DisabledException|KMSInvalidState", ConfigurationError, "the KMS key is disabled or being deleted",
           "enable the key"),
    _means(r"AccessDenied|Access Denied|Status 403", NotAuthorizedError, "S3 refused the role", _ACCESS),
    _means(r"NoSuchBucket|specified bucket does not exist", NotFoundError, "S3 has no such bucket",
           "correct the boundary's runs_uri"),
    _means(r"NoSuchKey|Status 404|mandatory file|specified S3 prefix .* does not exist|manifest.{0,60}(missing|not "
           r"(found|exist))|missing.{0,40}file", NotFoundError, "a file that the manifest lists is missing",
           "find out what deleted it; start a new run, which writes its own files"),
    _means(r"unload destination on S3 is not empty|specified unload destination", ConflictError,
           "the destination is not empty", "try again: the next generation has a prefix of its own"),
    _means(r"serializable isolation violation|conflict with concurrent transaction|deadlock detected|concurrent "
           r"(update|delete)|could not serialize|could not obtain lock|tuple concurrently", ConflictError,
           "another transaction changed the same table", "let the other transaction finish"),
    _means(r"already exists", ConflictError, "it was made by somebody else at the same time", "try again"),
    _means(r"permission denied|must be owner|not authorized", NotAuthorizedError,
           "the database refuses it to the user", _GRANTS),
    _means(r"(relation|schema|table|column|database|function) .*does not exist|cross-database", NotFoundError,
           "a table, column, schema or function does not exist", "correct the file of sql/, or the pipeline's table"),
    _means(r"syntax error", RefusedError, "a syntax error", "correct the file of sql/"),
    _means(r"load into table .* failed|stl_load_errors|sys_load_error_detail|spectrum scan error|incompatible|extra "
           r"column|delimiter not found|invalid input syntax|value too long|out of range|cannot (be )?cast|unmatched "
           r"number of columns|missing data for|invalid (digit|timestamp|date)|data type|is of type",
           StatementFailedError, "the rows do not fit the columns", _COLUMNS),
    _means(r"(cannot insert a )?null( value)? .*(not.null|violates)|not-null constraint", StatementFailedError,
           "a column without a value where the table asks for one", _COLUMNS),
    _means(r"divi(de|sion) by zero", StatementFailedError, "it divides by zero", "correct the file of sql/"),
    _means(r"disk full|out of memory|no space left|exceeded .*(quota|limit)", StatementFailedError,
           "Redshift has no room left", "make room, or take a bigger cluster or workgroup"),
    _means(r"connection|server closed|terminating|shutting down|starting up|cluster is (paused|resizing|not available)"
           r"|not available|internal error|ssl", UnavailableError, "the database could not be reached",
           "resume the cluster if it is paused, then try again"),
    _means(r"cancel(l)?ed|aborted by|query timeout|statement timeout", RefusedError,
           "somebody or a time-out stopped it", "find out who or which WLM rule stopped it, then clear this task"),
)  # fmt: skip
_UNKNOWN = "look for the statement in sys_query_history"
_CODE = re.compile(r"\bcode:\s*(\d{3,5})|\bError (\w{3,40}),|\b(SQLSTATE \w{5})")
_WITHHELD = "an error whose words may quote a row, and are withheld"


def failure(attempted: str, resource: str, said: str, *, load_errors: Sequence[str] = ()) -> DruidReindexError:
    """The error for a statement of which Redshift said ``said``; ``load_errors`` are lines without values."""
    meaning = next((each for each in MEANINGS if each.said.search(said)), None)
    told = meaning.told if meaning else _WITHHELD
    kind, remedy = (meaning.kind, meaning.remedy) if meaning else (StatementFailedError, _UNKNOWN)
    codes = [next(filter(None, found)) for found in _CODE.findall(said)]
    came_back = "; ".join([told + (f" ({', '.join(dict.fromkeys(codes))})" if codes else ""), *load_errors])
    return kind(attempted, resource=resource, came_back=came_back, remedy=remedy)
