"""Lines of Redshift's audit logs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from druid_reindex.evidence.witness_act import Act, UnreadableLine
from druid_reindex.evidence.witness_redshift import ACTIVITY, CONNECTIONS, USERS, log_of, parse

AT = datetime(2026, 10, 6, 6, 40, 1, tzinfo=UTC)
HEAD = "'2026-10-06T06:40:01Z UTC [ db=nights user=IAMR:DrxAirflowPhi pid=1073 userid=104 xid=2210 ]' LOG: "


def statement(text: str, head: str = HEAD) -> Act | None:
    return parse(head + text, ACTIVITY, "nights")


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("SELECT name FROM patients WHERE ssn = '123-45-6789'", "select"),
        ("/* a comment */ UNLOAD ('select 1') TO 's3://b'", "unload"),
        ("  copy t from 's3://b'", "copy"),
        ("jane_doe", "another statement"),
        ("", "another statement"),
    ],
)
def test_of_a_statement_its_kind_is_told(text: str, verb: str) -> None:
    act = statement(text)
    assert act == Act(AT, ("IAMR:DrxAirflowPhi",), verb, "database nights")


def test_lines_of_a_statement_and_statements_of_another_database_are_no_acts() -> None:
    assert statement("where ssn = '123-45-6789'", head="") is None
    assert statement("select 1", head=f" {HEAD}") == statement("select 1")
    assert statement("select 1", head=HEAD.replace("db=nights", "db=dev")) is None


def test_logins_are_told_and_those_that_failed_are_refused() -> None:
    rest = "|Tue, 6 Oct 2026 06:40:01:123|10.0.0.9 |5439 |1073 |nights |jo |IAM |0|TLSv1.2"
    assert parse(f"authenticated {rest}", CONNECTIONS, "nights") == Act(AT, ("jo",), "login", "database nights")
    failed = parse(f"authentication failure {rest}", CONNECTIONS, "nights")
    assert failed is not None
    assert failed.is_refused
    assert parse(f"disconnecting session {rest}", CONNECTIONS, "nights") is None
    assert parse(f"authenticated {rest}", CONNECTIONS, "dev") is None


def test_a_user_that_was_changed_is_told() -> None:
    act = parse("104 |jo | |alter |0|1|0| |1073 |2210 |Tue, 6 Oct 2026 06:40:01:123", USERS, "nights")
    assert act == Act(AT, ("jo",), "was changed: alter user", "the cluster's users")


@pytest.mark.parametrize(
    ("line", "log"),
    [
        ("'2026-10-06 [ db=nights ]' LOG: select 1", ACTIVITY),
        (HEAD.replace("-10-06T", "-13-06T") + "select 1", ACTIVITY),
        ("authenticated |yesterday|a|b|c|nights|jo", CONNECTIONS),
        ("authenticated", CONNECTIONS),
        ("104 |jo", USERS),
        ("104 |jo | |bless |0|1|0| |1073 |2210 |Tue, 6 Oct 2026 06:40:01:123", USERS),
    ],
)
def test_a_line_in_another_form_is_unreadable(line: str, log: str) -> None:
    with pytest.raises(UnreadableLine):
        parse(line, log, "nights")


def test_a_file_says_by_its_name_which_log_it_is() -> None:
    assert log_of("111122223333_redshift_us-east-1_drx_useractivitylog_2026-10-06T07:00.gz") == ACTIVITY
    assert log_of("111122223333_redshift_us-east-1_drx_userlog_2026-10-06T07:00.gz") == USERS
    assert log_of("readme.txt") is None
