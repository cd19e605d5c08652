"""The lines in which MIT's KDC tells of tickets that were asked for.

They have no year, which follows from the time that is looked at, and are in the time of the host: on EMR's instances
UTC; through syslog they lack the level. The first half of each login, which is refused so that the client proves
itself, is no act.
Sources: https://web.mit.edu/kerberos/krb5-latest/doc/admin/conf_files/kdc_conf.html,
https://github.com/krb5/krb5/blob/krb5-1.21.3-final/src/kdc/kdc_log.c
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from druid_reindex.evidence.witness_act import Act, UnreadableLine, name_of, without_host
from druid_reindex.model.trail import Window

_HEAD = re.compile(r"(\w{3} [ \d]\d \d\d:\d\d:\d\d) (?:\S+ )?krb5kdc\[\d+\](?:\(\w+\))?: (.*)")
_ASKED = re.compile(
    r"(AS_REQ|TGS_REQ) (?:\(\d+ etypes \{[^}]*\}\) )?\S+: (\w+): (?:authtime \d+, *)?(?:etypes \{[^}]*\},? *)?"
    r"(.+?) for (<unknown server>|\S+?)(?:, .*)?"
)
_ISSUED, _HALF = "ISSUE", "NEEDED_PREAUTH"


def parse(line: str, window: Window) -> Act | None:
    """Who asked for a ticket, for which service; None for another message. Raises UnreadableLine."""
    head = _HEAD.fullmatch(line)
    if head is None:
        raise UnreadableLine("no line of krb5kdc")
    stamp, message = head.groups()
    if not message.startswith(("AS_REQ ", "TGS_REQ ")):
        return None
    asked = _ASKED.fullmatch(message)
    if asked is None:
        raise UnreadableLine("a request in another form")
    request, status, client, service = asked.groups()
    if status == _HALF:
        return None
    where = name_of(without_host(service))
    return Act(_instant(stamp, window), (name_of(client),), request, where, is_refused=status != _ISSUED)


def _instant(stamp: str, window: Window) -> datetime:
    """The instant of that name that is nearest to the window's start."""
    years = range(window.start.year - 1, window.end.year + 2)
    found = [at for year in years if (at := _of_year(stamp, year)) is not None]
    if not found:
        raise UnreadableLine("no instant")
    return min(found, key=lambda at: abs(at - window.start))


def _of_year(stamp: str, year: int) -> datetime | None:
    try:
        return datetime.strptime(f"{year} {stamp}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
