"""The front: requests to `redshift-data`, to `redshift-serverless`, and those that moto's `redshift` does not know."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from druid_reindex.sandbox.aws.gate import calls, identities
from druid_reindex.sandbox.aws.gate import signatures as sigv4
from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.gate.refusals import Protocol, Refusal, body, unsigned
from druid_reindex.sandbox.aws.gate.services import ServiceAccess
from druid_reindex.sandbox.aws.gate.signatures import SignatureError
from druid_reindex.sandbox.aws.redshift import serverless, targets
from druid_reindex.sandbox.aws.redshift.backend import DataApi
from druid_reindex.sandbox.aws.redshift.engine import Engine, EngineUnavailable
from druid_reindex.sandbox.aws.redshift.refusals import BAD_REQUEST, ApiRefusal, validation
from druid_reindex.sandbox.aws.redshift.runner import Runner
from druid_reindex.sandbox.aws.redshift.storage import Identities
from druid_reindex.sandbox.aws.site import Site
from druid_reindex.sandbox.aws.wsgi import request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Json = dict[str, Any]

DATA, SERVERLESS, CLUSTERS = "redshift-data", "redshift-serverless", "redshift"
CREDENTIALS = "GetClusterCredentialsWithIAM"
# Source: https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html
LEAST_SECONDS, MOST_SECONDS = 900, 3600
_JSON = "application/x-amz-json-1.1"
_XMLNS = "http://redshift.amazonaws.com/doc/2012-12-01/"


class Redshift:
    """The middleware between the gate and moto."""

    def __init__(self, site: Site, access: ServiceAccess) -> None:
        serverless.forget()
        folder = site.home.data("redshift")
        for left in folder.iterdir():
            left.unlink()
        self._engine = Engine(site.home, site.postgres_port)
        self.data = DataApi(Runner(self._engine, Identities(site, access), folder))
        self._data: dict[str, Callable[[Json, Caller], Json]] = {
            "ExecuteStatement": self.data.execute,
            "BatchExecuteStatement": self.data.batch,
            "DescribeStatement": self.data.describe,
            "GetStatementResult": self.data.result,
            "GetStatementResultV2": self.data.result_as_csv,
            "ListStatements": self.data.list,
            "CancelStatement": self.data.cancel,
        }

    def __call__(self, inner: WSGIApplication) -> WSGIApplication:
        """Return `inner` with Redshift before it."""

        def fronted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            incoming = Incoming(environ)
            service = _service(incoming)
            if service in {DATA, SERVERLESS}:
                return _answered(self._json(incoming, service), start_response)
            if service == CLUSTERS and calls.read(incoming)[0] == CREDENTIALS:
                return _answered(self._credentials(incoming), start_response)
            return inner(environ, start_response)

        return fronted

    def _json(self, incoming: Incoming, service: str) -> tuple[int, str, bytes]:
        operation, request = calls.read(incoming)
        try:
            answer = self._perform(service, operation, request, _caller(incoming))
        except SignatureError as raised:
            return _refused(Protocol.JSON, unsigned(Protocol.JSON, raised.fault))
        except ApiRefusal as raised:
            told = {"__type": raised.code, "Message": raised.said, "message": raised.said, **raised.more}
            return BAD_REQUEST, _JSON, json.dumps(told).encode()
        return 200, _JSON, json.dumps(answer).encode()

    def _perform(self, service: str, operation: str, request: Json, caller: Caller) -> Json:
        if service == DATA and operation in self._data:
            return self._data[operation](request, caller)
        if service == SERVERLESS and operation in serverless.OPERATIONS:
            return serverless.OPERATIONS[operation](request)
        raise validation(f"The sandbox does not emulate {operation}.")

    def _credentials(self, incoming: Incoming) -> tuple[int, str, bytes]:
        """GetClusterCredentialsWithIAM: a password of the caller's own database user, for a quarter to a full hour."""
        request = calls.read(incoming)[1]
        seconds = int(request.get("DurationSeconds") or LEAST_SECONDS)
        try:
            user = targets.user(_caller(incoming))
            if targets.cluster(str(request.get("ClusterIdentifier"))) is None:
                return _refused(Protocol.QUERY, Refusal("ClusterNotFound", 404, "Cluster not found."))
            if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
                return _refused(Protocol.QUERY, Refusal("InvalidParameterValue", 400, "DurationSeconds: 900 to 3600."))
            password = secrets.token_urlsafe(24)
            self._engine.give_password(user, password, seconds)
        except SignatureError as raised:
            return _refused(Protocol.QUERY, unsigned(Protocol.QUERY, raised.fault))
        except EngineUnavailable as raised:
            return _refused(Protocol.QUERY, Refusal("ServiceUnavailable", 503, str(raised)))
        expires = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        pairs = {"DbUser": user, "DbPassword": password, "Expiration": expires, "NextRefreshTime": expires}
        return 200, "text/xml", _xml(CREDENTIALS, pairs)


def _service(incoming: Incoming) -> str:
    """The service that a request is signed for; empty for one that is not signed, which is not Redshift's."""
    target = incoming.header(calls.TARGET)
    if target is not None:
        name = target.partition(".")[0]
        return {"RedshiftData": DATA, "RedshiftServerless": SERVERLESS}.get(name, "")
    if f"/{CLUSTERS}/aws4_request" not in (incoming.header("authorization") or ""):
        return ""
    return CLUSTERS


def _caller(incoming: Incoming) -> Caller:
    signed = sigv4.read(incoming)
    return identities.caller(signed.access_key_id, signed.token, datetime.now(UTC))


def _refused(protocol: Protocol, refusal: Refusal) -> tuple[int, str, bytes]:
    content_type, text = body(protocol, refusal, request_id())
    return refusal.status, content_type, text


def _xml(operation: str, pairs: dict[str, str]) -> bytes:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in pairs.items())
    metadata = f"<ResponseMetadata><RequestId>{request_id()}</RequestId></ResponseMetadata>"
    result = f"<{operation}Result>{inner}</{operation}Result>{metadata}"
    return f'<{operation}Response xmlns="{_XMLNS}">{result}</{operation}Response>'.encode()


def _answered(answer: tuple[int, str, bytes], start_response: StartResponse) -> Iterable[bytes]:
    status, content_type, content = answer
    headers: dict[str, str] = {}
    request_id(headers)
    length = ("Content-Length", str(len(content)))
    start_response(
        f"{status} {'OK' if status == 200 else 'Refused'}", [*headers.items(), ("Content-Type", content_type), length]
    )
    return [content]
