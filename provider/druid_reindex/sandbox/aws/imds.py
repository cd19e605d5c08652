"""The instance metadata service of one cluster's nodes, version 2 alone.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html (tokens)
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from druid_reindex.sandbox.aws.site import ACCOUNT, REGION, Credentials

# AWS answers on 169.254.169.254:80; ports of an ordinary user's choice on the cluster's address take its place, this
# one for the primary node, those above it for the others.
PORT = 1338
MAX_TOKEN_SECONDS = 21600
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105
SECONDS_HEADER = f"{TOKEN_HEADER}-ttl-seconds"
CREDENTIALS_PATH = "/latest/meta-data/iam/security-credentials/"
RENEW_SECONDS = 900


class MetadataService:
    """Answers at `http://<ip>:<port>` until stopped; `issue` makes new credentials of the role named `role`."""

    def __init__(
        self, address: tuple[str, int], role: str, issue: Callable[[], Credentials], facts: dict[str, str]
    ) -> None:
        ip, port = address
        self.url = f"http://{ip}:{port}"
        self.role = role
        self._issue = issue
        self._facts = facts
        self._tokens: dict[str, float] = {}
        self._lock = threading.Lock()
        self._issued: tuple[float, Credentials] | None = None
        self._server = _Server(address, self)
        threading.Thread(target=self._server.serve_forever, name=f"imds-{ip}-{port}", daemon=True).start()

    def stop(self) -> None:
        """Close the socket; a request after this is refused."""
        self._server.shutdown()
        self._server.server_close()

    def credentials(self) -> Credentials:
        """Return the role's credentials, renewed a quarter of an hour before they expire."""
        with self._lock:
            now = time.time()
            if self._issued is None or now > self._issued[0] - RENEW_SECONDS:
                issued = self._issue()
                expires = datetime.strptime(issued.expiration, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
                self._issued = (expires.timestamp(), issued)
            return self._issued[1]

    def new_token(self, seconds: int) -> str:
        """Return a session token that opens `get` for so many seconds."""
        token = secrets.token_urlsafe(40)
        with self._lock:
            self._tokens[token] = time.monotonic() + seconds
        return token

    def is_valid(self, token: str | None) -> bool:
        """Return whether `token` was issued here and has not expired."""
        with self._lock:
            return token is not None and self._tokens.get(token, 0.0) > time.monotonic()

    def get(self, path: str) -> str | None:
        """Return the text at `path`; None when there is nothing."""
        if path.rstrip("/") == CREDENTIALS_PATH.rstrip("/"):
            return self.role
        if path == f"{CREDENTIALS_PATH}{self.role}":
            return self._credentials_document()
        if path == "/latest/dynamic/instance-identity/document":
            return json.dumps({"accountId": ACCOUNT, "region": REGION, "instanceId": self._facts["instance-id"]})
        return self._facts.get(path.removeprefix("/latest/meta-data/"))

    def _credentials_document(self) -> str:
        now = self.credentials()
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "Type": "AWS-HMAC",
                "AccessKeyId": now.access_key_id,
                "SecretAccessKey": now.secret_access_key,
                "Token": now.session_token,
                "Expiration": now.expiration,
            }
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], service: MetadataService) -> None:
        super().__init__(address, _Handler)
        self.service = service


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_PUT(self) -> None:
        seconds = self.headers.get(SECONDS_HEADER, "")
        if self.path != "/latest/api/token":
            self._answer(HTTPStatus.NOT_FOUND, "")
        elif not seconds.isdigit() or not 1 <= int(seconds) <= MAX_TOKEN_SECONDS:
            self._answer(HTTPStatus.BAD_REQUEST, "")
        else:
            self._answer(HTTPStatus.OK, self.server.service.new_token(int(seconds)), {SECONDS_HEADER: seconds})

    def do_GET(self) -> None:
        if not self.server.service.is_valid(self.headers.get(TOKEN_HEADER)):
            self._answer(HTTPStatus.UNAUTHORIZED, "")
            return
        text = self.server.service.get(self.path)
        self._answer(HTTPStatus.NOT_FOUND if text is None else HTTPStatus.OK, text or "")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args

    def _answer(self, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
