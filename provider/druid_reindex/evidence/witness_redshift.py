"""The lines of Redshift's audit logs as it delivers them to S3: sessions, changes of users, statements.

Of a statement its first word is told and nothing else; the lines of one that goes over several are no acts of their
own. A statement that holds such a head itself, at the beginning of a line, cannot be told from two.
Source: https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from druid_reindex.evidence.witness_act import Act, UnreadableLine, name_of

ACTIVITY, CONNECTIONS, USERS = "useractivitylog", "connectionlog", "userlog"
_STATEMENT = re.compile(
    r"'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) UTC \[ db=(.{0,128}?) user=(.{0,128}?) pid=\d+ userid=\d+ xid=\d+ \]' "
    r"LOG: (.*)"
)
_COMMENTS = re.compile(r"^(?:\s|/\*.*?\*/)*")
_TIME = re.compile(r"\w{3}, +(\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d)\S*")
_VERBS = frozenset(
    [
        "abort",
        "alter",
        "analyze",
        "begin",
        "call",
        "close",
        "comment",
        "commit",
        "copy",
        "create",
        "deallocate",
        "declare",
        "delete",
        "drop",
        "end",
        "execute",
        "explain",
        "fetch",
        "grant",
        "insert",
        "lock",
        "merge",
        "prepare",
        "refresh",
        "reset",
        "revoke",
        "rollback",
        "select",
        "set",
        "show",
        "start",
        "truncate",
        "unload",
        "update",
        "vacuum",
        "with",
    ]
)
_LOGINS = {"authenticated": False, "authentication failure": True}
_CONNECTION_FIELDS, _USER_FIELDS = 7, 11


def log_of(name: str) -> str | None:
    """Which of the logs a file of that name is; None for any other."""
    return next((each for each in (ACTIVITY, CONNECTIONS, USERS) if f"_{each}_" in name), None)


def parse(line: str, log: str, database: str) -> Act | None:
    """The act of a line of ``log``; None where it is none, or in another database. Raises UnreadableLine."""
    if log == ACTIVITY:
        return _statement(line, database)
    fields = [each.strip() for each in line.split("|")]
    return _login(fields, database) if log == CONNECTIONS else _change(fields)


def _statement(line: str, database: str) -> Act | None:
    line = line.lstrip()
    if not line.startswith("'") or "' LOG: " not in line:
        return None
    found = _STATEMENT.fullmatch(line)
    if found is None:
        raise UnreadableLine("a statement in another form")
    at, where, who, text = found.groups()
    if where != database:
        return None
    word = re.match(r"\w*", _COMMENTS.sub("", text))
    verb = word.group().lower() if word else ""
    return Act(_iso(at), (name_of(who),), verb if verb in _VERBS else "another statement", f"database {database}")


def _login(fields: list[str], database: str) -> Act | None:
    if len(fields) < _CONNECTION_FIELDS:
        raise UnreadableLine("too few fields")
    event, at, where, who = fields[0], fields[1], fields[5], fields[6]
    if event not in _LOGINS or where != database:
        return None
    return Act(_instant(at), (name_of(who),), "login", f"database {database}", is_refused=_LOGINS[event])


def _change(fields: list[str]) -> Act:
    if len(fields) < _USER_FIELDS:
        raise UnreadableLine("too few fields")
    who, action, at = fields[1], fields[3].lower(), fields[10]
    if action not in {"create", "alter", "drop", "rename"}:
        raise UnreadableLine("another action")
    return Act(_instant(at), (name_of(who),), f"was changed: {action} user", "the cluster's users")


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as odd:
        raise UnreadableLine("no instant") from odd


def _instant(text: str) -> datetime:
    found = _TIME.fullmatch(text)
    try:
        return datetime.strptime(found[1] if found else "", "%d %b %Y %H:%M:%S").replace(tzinfo=UTC)
    except ValueError as odd:
        raise UnreadableLine("no instant") from odd
