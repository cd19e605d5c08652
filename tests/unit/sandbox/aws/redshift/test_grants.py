"""Users and their privileges."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.redshift import grants
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal
from druid_reindex.sandbox.aws.redshift.tokens import Words, cut


def words(sql: str) -> Words:
    return Words(sql, cut(sql))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('GRANT SELECT, INSERT ON Claims TO "IAMR:DrxPhi", PUBLIC',
         'GRANT SELECT, INSERT ON TABLE "claims" TO "IAMR:DrxPhi", PUBLIC'),
        ("GRANT ALL PRIVILEGES ON ALL TABLES IN SCHEMA s TO x", 'GRANT ALL ON ALL TABLES IN SCHEMA "s" TO "x"'),
        ("REVOKE USAGE ON SCHEMA s FROM x", 'REVOKE USAGE ON SCHEMA "s" FROM "x"'),
    ],
)  # fmt: skip
def test_privileges(sql: str, expected: str) -> None:
    assert grants.privileges(words(sql)) == expected


def test_a_user_without_a_password() -> None:
    assert grants.user(words('CREATE USER "IAMR:X" WITH PASSWORD DISABLE')) == 'CREATE ROLE "IAMR:X" NOLOGIN'


@pytest.mark.parametrize(
    "sql", ["GRANT EXECUTE ON t TO x", "GRANT SELECT ON t TO GROUP g", "GRANT SELECT ON t TO x WITH GRANT OPTION"]
)
def test_what_is_refused(sql: str) -> None:
    with pytest.raises(SqlRefusal):
        grants.privileges(words(sql))
