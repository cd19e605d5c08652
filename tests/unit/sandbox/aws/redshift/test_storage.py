"""S3 as Redshift reaches it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from druid_reindex.sandbox.aws.redshift import storage
from druid_reindex.sandbox.aws.redshift.model import Target
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal
from druid_reindex.sandbox.aws.redshift.storage import Identities, Store, Stored, stored


class Access:
    """Answers for trust policies."""

    def __init__(self, *, allowed: bool) -> None:
        self.allowed = allowed
        self.asked: list[tuple[str, str]] = []

    def may_assume(self, service: str, role: str, _about: Any) -> bool:
        self.asked.append((service, role))
        return self.allowed


def test_places() -> None:
    assert stored("s3://b/a/k#1?x=2") == Stored("b", "a/k#1?x=2")
    assert stored("s3://b/k").uri == "s3://b/k"
    for wrong in ("http://b/k", "s3:///k"):
        with pytest.raises(SqlRefusal):
            stored(wrong)


def test_a_role_has_to_be_the_clusters_and_trust_redshift(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.roles, "assume", lambda role, session, _: (role, session))
    access = Access(allowed=True)
    made: Any = Identities(None, access).credentials(target, "IAMR:X", target.roles)  # type: ignore[arg-type]
    assert made == (target.roles[0], "RedshiftIamRoleSession")
    assert Identities(None, access).credentials(target, "x", ("default",)) == made  # type: ignore[arg-type]
    assert access.asked == [("redshift.amazonaws.com", target.roles[0])] * 2
    with pytest.raises(SqlRefusal, match="dbuser:drx/IAMR:X is not authorized to assume IAM Role arn:other"):
        Identities(None, access).credentials(target, "IAMR:X", ("arn:other",))  # type: ignore[arg-type]
    with pytest.raises(SqlRefusal, match="not authorized to assume"):
        Identities(None, Access(allowed=False)).credentials(target, "x", target.roles)  # type: ignore[arg-type]


def test_refusals_have_redshifts_form() -> None:
    answer: Any = {
        "Error": {"Code": "AccessDenied", "Message": "Access Denied"},
        "ResponseMetadata": {"HTTPStatusCode": 403, "RequestId": "R", "HostId": "H"},
    }
    said = str(storage.refused(ClientError(answer, "GetObject"), "S3 key being read : s3://b/k"))
    assert said.startswith("ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid R,ExtRid H")


def test_a_document_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    class Body:
        def read(self) -> bytes:
            return b"{"

    store = Store(None)
    monkeypatch.setattr(store, "open", lambda _: Body())
    with pytest.raises(SqlRefusal, match="Problem reading manifest file"):
        store.document(Stored("b", "k"))
