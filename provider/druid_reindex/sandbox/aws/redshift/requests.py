"""What a request to the Data API may say, and what it says, as `Asked`.

Sources: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_ExecuteStatement.html,
https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html,
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html (limits)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.redshift import targets
from druid_reindex.sandbox.aws.redshift.model import Asked, Target
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal, validation
from druid_reindex.sandbox.aws.redshift.tokens import placeholders

Json = dict[str, Any]

MAX_SQL_BYTES = 100 * 1024
MAX_BATCH = 40
# Sessions that are kept, secrets with passwords, and batches that commit each statement by itself are not emulated.
NOT_EMULATED = ("SecretArn", "SessionId", "SessionKeepAliveSeconds")


def asked(request: Json, caller: Caller, *, is_batch: bool) -> Asked:
    """Return what is asked. Raises ApiRefusal."""
    sqls = _sqls(request, is_batch=is_batch)
    for name in NOT_EMULATED:
        if request.get(name) is not None:
            raise validation(f"The sandbox does not emulate {name}: it takes IAM identities, one session a statement.")
    if request.get("ExecutionMode", "TRANSACTION") != "TRANSACTION":
        raise validation("The sandbox does not emulate ExecutionMode AUTO_COMMIT.")
    target = targets.target(request)
    parameters = _parameters(request, sqls)
    return Asked(
        target=target,
        user=_user(request, caller, target),
        owner=caller.principal.identity,
        session=caller.principal.arn,
        sqls=sqls,
        parameters=parameters,
        name=str(request.get("StatementName") or ""),
        token=str(request.get("ClientToken") or ""),
        is_batch=is_batch,
        csv=request.get("ResultFormat") == "CSV",
    )


def _user(request: Json, caller: Caller, target: Target) -> str:
    """The caller's own user, or one that the caller may become: the superuser, or a user of an IAM identity."""
    named = request.get("DbUser")
    if named is None:
        return targets.user(caller)
    if target.is_workgroup:
        raise validation("DbUser is not supported with WorkgroupName.")
    if named != targets.master(target) and not str(named).startswith(("IAM:", "IAMR:")):
        raise validation(f'FATAL: user "{named}" does not exist')
    return str(named)


def _sqls(request: Json, *, is_batch: bool) -> tuple[str, ...]:
    sqls = tuple(str(each) for each in (request.get("Sqls") or ()) if each) if is_batch else (request.get("Sql") or "",)
    if not sqls or not all(sqls):
        raise validation("SQL statement is required.")
    if len(sqls) > MAX_BATCH:
        raise validation(f"Number of SQL statements in a batch exceeds the limit of {MAX_BATCH}.")
    for sql in sqls:
        if len(sql.encode()) > MAX_SQL_BYTES:
            raise validation(f"Query string size exceeds the limit of {MAX_SQL_BYTES // 1024} KB.")
    return sqls


def _parameters(request: Json, sqls: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Source: https://github.com/aws-samples/getting-started-with-amazon-redshift-data-api/issues/4 (the message)."""
    given = tuple((str(each["name"]), str(each["value"])) for each in request.get("Parameters") or ())
    used = {name for sql in sqls for name in _placeholders(sql)}
    unused = [name for name, _ in given if name not in used]
    if unused:
        raise validation(
            f"Parameters list contains unused parameters. Unused parameters: [{', '.join(unused)}]"
        )  # fmt: skip
    return given


def _placeholders(sql: str) -> list[str]:
    """Of a text that cannot be read none: the engine says what is wrong with it."""
    try:
        return placeholders(sql)
    except SqlRefusal:
        return []
