"""moto's WSGI application, made to answer as our account, behind a chain of middlewares."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from moto.core import responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from druid_reindex.sandbox.aws.site import ACCOUNT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Middleware = Callable[[WSGIApplication], WSGIApplication]

MOTO_CONTROL = "/moto-api"


def application(middlewares: Sequence[Middleware] = ()) -> WSGIApplication:
    """Return the account as a WSGI application; the first middleware sees a request first."""
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    setattr(responses, "gen_amzn_requestid_long", request_id)  # noqa: B010 - not a name that moto exports
    chained: WSGIApplication = DomainDispatcherApplication(create_backend_app)
    for middleware in reversed((without_control, *middlewares)):
        chained = middleware(chained)
    return chained


def request_id(headers: dict[str, Any] | None = None) -> str:
    """Return a new request id, set in `headers` too: a UUID, the form that CloudTrail records.

    Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """
    value = str(uuid.uuid4())
    if headers is not None:
        headers["x-amzn-requestid"] = value
        headers["x-amz-request-id"] = value
    return value


def without_control(inner: WSGIApplication) -> WSGIApplication:
    """Return `inner` without moto's own interface, which would let anybody on this machine erase the account."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if str(environ.get("PATH_INFO", "")).startswith(MOTO_CONTROL):
            start_response("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        return inner(environ, start_response)

    return guarded
