"""Operation and parameters of JSON and query requests."""

from __future__ import annotations

import base64
import io
import json

from druid_reindex.sandbox.aws.gate import calls
from druid_reindex.sandbox.aws.gate.incoming import Incoming


def posted(body: bytes, **environ: str) -> Incoming:
    return Incoming({
        "REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), **environ
    })  # fmt: skip


def test_json() -> None:
    blob = base64.b64encode(b"key-id").decode()
    body = json.dumps({"KeyId": "k", "CiphertextBlob": blob}).encode()
    request = posted(body, HTTP_X_AMZ_TARGET="TrentService.Decrypt")
    assert calls.speaks_json(request)
    assert calls.read(request) == ("Decrypt", {"KeyId": "k", "CiphertextBlob": b"key-id"})


def test_json_that_is_none_has_no_parameters() -> None:
    for body in (b"{", b"[]", b""):
        assert calls.read(posted(body, HTTP_X_AMZ_TARGET="T.ListKeys")) == ("ListKeys", {})


def test_a_query_with_lists_and_structures() -> None:
    tags = b"Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.2.Key=c"
    body = b"Action=AssumeRole&" + tags + b"&Keys.member.10=y&Keys.member.9=x"
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}
    request = posted(body, **form)
    assert calls.is_query(request)
    operation, parameters = calls.read(request)
    assert operation == "AssumeRole"
    assert parameters["Tags"] == [{"Key": "a", "Value": "b"}, {"Key": "c"}]
    assert parameters["Keys"] == ["x", "y"]
    assert calls.is_query(posted(b"", QUERY_STRING="Action=GetCallerIdentity"))
    assert calls.read(posted(b"", QUERY_STRING="Action=GetCallerIdentity"))[0] == "GetCallerIdentity"


def test_what_is_neither() -> None:
    request = posted(b"a body", CONTENT_TYPE="text/plain")
    assert not calls.is_query(request)
    assert not calls.speaks_json(request)
    assert calls.read(request)[0] == ""


def test_services_by_their_signing_names() -> None:
    assert [calls.service(name) for name in ("elasticmapreduce", "kms")] == ["emr", "kms"]
