"""An account in this process, behind its gate, and requests to it that botocore signs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto import mock_aws
from moto.core import responses
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.sts.responses import TokenResponse
from werkzeug.test import EnvironBuilder, run_wsgi_app

from druid_reindex.sandbox.aws import wsgi
from druid_reindex.sandbox.aws.gate import bodies, sessions
from druid_reindex.sandbox.aws.gate.middleware import Gate
from druid_reindex.sandbox.aws.gate.records import Records
from druid_reindex.sandbox.aws.iam.replay import Night, read
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

HOST = "https://127.0.0.1"
# What is replaced in moto, as it was before.
REPLACED = (
    (FakeKey, ("__init__", "value", "etag")),
    (FakeBucket, ("get_permission",)),
    (S3Backend, ("create_bucket", "create_multipart_upload", "delete_bucket_encryption")),
    (TokenResponse, ("assume_role",)),
    (responses, ("gen_amzn_requestid_long",)),
)
JSON = "application/x-amz-json-1.1"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Account:
    """moto's state, and its WSGI application behind a gate."""

    def __init__(self, folder: Path, *, enforcing: bool) -> None:
        self.file = folder / "decisions.jsonl"
        self.records = Records(self.file)
        self.application = wsgi.application((Gate(self.records, enforcing=enforcing),))

    @property
    def iam(self) -> Any:
        return iam_backends[ACCOUNT]["aws"]

    @property
    def s3(self) -> Any:
        return s3_backends[ACCOUNT]["aws"]

    @property
    def kms(self) -> Any:
        return kms_backends[ACCOUNT][REGION]

    @property
    def night(self) -> Night:
        return read(self.file)

    def user(self, name: str, *statements: dict[str, Any]) -> Credentials:
        """A user with an access key and a policy of these statements, if there are any."""
        self.iam.create_user(REGION, name)
        if statements:
            self.iam.put_user_policy(name, "own", document(*statements))
        key = self.iam.create_access_key(name)
        return Credentials(key.access_key_id, key.secret_access_key)

    def role(self, name: str, trust: dict[str, Any], *statements: dict[str, Any]) -> str:
        made = self.iam.create_role(name, document(trust), "/", None, "", [], "3600")
        if statements:
            self.iam.put_role_policy(name, "own", document(*statements))
        return str(made.arn)

    def send(self, signed: AWSRequest) -> Answer:
        """The answer to a request that was signed before, or not at all."""
        url = urlsplit(signed.url)
        builder = EnvironBuilder(
            path=url.path, query_string=url.query, method=signed.method, base_url=HOST, data=signed.data or b"",
            headers=[(name, value) for name, value in signed.headers.items() if name.lower() != "host"],
            environ_overrides={"REMOTE_ADDR": "127.0.0.1"},
        )  # fmt: skip
        environ = builder.get_environ()
        environ["RAW_URI"] = environ["REQUEST_URI"] = f"{url.path}?{url.query}" if url.query else url.path
        body, status, headers = run_wsgi_app(self.application, environ, buffered=True)
        return Answer(int(status.split()[0]), dict(headers), b"".join(body))

    def ask(self, who: Credentials, service: str, wanted: AWSRequest) -> Answer:
        return self.send(sign(who, service, wanted))

    def s3_ask(self, who: Credentials, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(who, "s3", AWSRequest(method, f"{HOST}{path}", data=body, headers=named))

    def json_ask(self, who: Credentials, service: str, target: str, **parameters: Any) -> Answer:
        headers = {"X-Amz-Target": target, "Content-Type": JSON}
        return self.ask(who, service, AWSRequest("POST", f"{HOST}/", data=json.dumps(parameters), headers=headers))

    def query_ask(self, who: Credentials, service: str, **parameters: str) -> Answer:
        form = "&".join(f"{name}={value}" for name, value in parameters.items())
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self.ask(who, service, AWSRequest("POST", f"{HOST}/", data=form, headers=headers))


def sign(who: Credentials, service: str, wanted: AWSRequest) -> AWSRequest:
    """The request, signed by botocore."""
    wanted.headers["Host"] = "127.0.0.1"
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(who, service, REGION).add_auth(wanted)
    return wanted


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@contextmanager
def gated_account(folder: Path, *, enforcing: bool = True) -> Iterator[Account]:
    """An empty account, gone when the block ends."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
        for owner, names in REPLACED:
            for name in names:
                patch.setattr(owner, name, vars(owner)[name])
        bodies.install()
        sessions.install()
        account = Account(folder, enforcing=enforcing)
        try:
            yield account
        finally:
            account.records.close()
