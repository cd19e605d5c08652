"""Lines of MIT's krb5kdc."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from druid_reindex.evidence.witness_act import UnreadableLine
from druid_reindex.evidence.witness_kdc import parse
from druid_reindex.model.trail import Window

NIGHT = Window(datetime(2026, 10, 6, 6, 30, tzinfo=UTC), datetime(2026, 10, 6, 7, 30, tzinfo=UTC))
HEAD = "Oct 06 06:40:01 ip-10-0-0-5.ec2.internal krb5kdc[3141](info): "
TYPES = "(8 etypes {aes256-cts-hmac-sha1-96(18), aes128-cts-hmac-sha1-96(17), UNSUPPORTED:des3-hmac-sha1(16)})"
GIVEN = "etypes {rep=aes256-cts-hmac-sha1-96(18), tkt=aes256-cts-hmac-sha1-96(18), ses=aes256-cts-hmac-sha1-96(18)}"
OLD, NONE = "etypes {rep=16 tkt=16 ses=16}", "Server not found in Kerberos database"
JO, TGT = "jo@EC2.INTERNAL", "krbtgt/EC2.INTERNAL@EC2.INTERNAL"
HDFS = "hdfs/ip-10-0-0-5.ec2.internal@EC2.INTERNAL"


@pytest.mark.parametrize(
    ("message", "request_", "where", "is_refused"),
    [
        (f"AS_REQ {TYPES} 10.0.0.9: ISSUE: authtime 1791268801, {GIVEN}, {JO} for {TGT}", "AS_REQ",
         "krbtgt@EC2.INTERNAL", False),
        (f"TGS_REQ {TYPES} 10.0.0.9: ISSUE: authtime 1791268801, {GIVEN}, {JO} for {HDFS}", "TGS_REQ",
         "hdfs@EC2.INTERNAL", False),
        (f"AS_REQ (3 etypes {{16 3 1}}) 192.0.2.83(88): ISSUE: authtime 1, {OLD}, {JO} for {TGT}", "AS_REQ",
         "krbtgt@EC2.INTERNAL", False),
        (f"AS_REQ {TYPES} 10.0.0.9: CLIENT_NOT_FOUND: {JO} for {TGT}, Client not found in Kerberos database",
         "AS_REQ", "krbtgt@EC2.INTERNAL", True),
        (f"TGS_REQ {TYPES} 10.0.0.9: LOOKING_UP_SERVER: authtime 0, {GIVEN} {JO} for {HDFS}, {NONE}", "TGS_REQ",
         "hdfs@EC2.INTERNAL", True),
    ],
)  # fmt: skip
def test_a_request_is_who_asked_for_a_ticket_of_which_service(
    message: str, request_: str, where: str, is_refused: bool
) -> None:
    act = parse(HEAD + message, NIGHT)
    assert act is not None
    assert (act.who, act.did, act.where, act.is_refused) == ((JO,), request_, where, is_refused)
    assert act.at == datetime(2026, 10, 6, 6, 40, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "message",
    [
        f"TGS_REQ: issuing TGT {TGT}", "commencing operation", "closing down fd 12",
        "... CONSTRAINED-DELEGATION s4u-client=<unknown>",
        f"AS_REQ {TYPES} 10.0.0.9: NEEDED_PREAUTH: {JO} for {TGT}, Additional pre-authentication required",
    ],
)  # fmt: skip
def test_other_messages_and_the_first_half_of_a_login_are_no_act(message: str) -> None:
    assert parse(HEAD + message, NIGHT) is None


def test_what_the_kdc_does_not_know_it_says_so() -> None:
    unknown = parse(f"{HEAD}AS_REQ {TYPES} <unknown>: CLIENT_NOT_FOUND: <unknown client> for <unknown server>", NIGHT)
    assert unknown is not None
    assert (unknown.who, unknown.where) == (("<unknown client>",), "<unknown server>")
    second = parse(f"{HEAD}TGS_REQ 10.0.0.9: 2ND_TKT_MISMATCH: authtime 1, {JO} for {HDFS}, 2nd tkt client x@R", NIGHT)
    assert second is not None
    assert (second.who, second.where, second.is_refused) == ((JO,), "hdfs@EC2.INTERNAL", True)


def test_syslog_leaves_the_level_out() -> None:
    message = f"AS_REQ {TYPES} 10.0.0.9: ISSUE: authtime 1, {GIVEN}, {JO} for {TGT}"
    assert parse(HEAD.replace("(info)", "") + message, NIGHT) == parse(HEAD + message, NIGHT)


@pytest.mark.parametrize("line", ["", "AS_REQ", HEAD + "AS_REQ jo", HEAD.replace("Oct 06", "Oct 36") + (
    f"AS_REQ {TYPES} 10.0.0.9: ISSUE: authtime 1, {GIVEN}, {JO} for {TGT}"
)])  # fmt: skip
def test_a_request_in_another_form_is_unreadable(line: str) -> None:
    with pytest.raises(UnreadableLine):
        parse(line, NIGHT)


def test_a_night_over_new_year_has_lines_of_both_years() -> None:
    start = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    night = Window(start, start + timedelta(hours=3))
    message = f"krb5kdc[1](info): AS_REQ {TYPES} 10.0.0.9: ISSUE: authtime 1, {GIVEN}, {JO} for {TGT}"
    told = [parse(f"{stamp} kdc {message}", night) for stamp in ("Dec 31 23:59:59", "Jan  1 00:00:01")]
    assert [act.at.year for act in told if act is not None] == [2026, 2027]


def test_the_29th_of_february_is_a_day_of_a_leap_year() -> None:
    start = datetime(2028, 2, 29, 1, 0, tzinfo=UTC)
    message = f"krb5kdc[1](info): AS_REQ {TYPES} 10.0.0.9: ISSUE: authtime 1, {GIVEN}, {JO} for {TGT}"
    act = parse(f"Feb 29 01:00:01 kdc {message}", Window(start, start))
    assert act is not None
    assert act.at == start + timedelta(seconds=1)
