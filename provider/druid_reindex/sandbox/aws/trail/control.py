"""What a sandbox's trail can be told beside AWS's own interface; for who has the sandbox's secrets file.

It answers below a path that can be no bucket's, on loopback, to a token.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.site import Site
from druid_reindex.sandbox.aws.trail import tampering
from druid_reindex.sandbox.aws.trail.command import PATH, TOKEN_HEADER, token
from druid_reindex.sandbox.aws.trail.outsider import Outsider
from druid_reindex.sandbox.aws.trail.service import CloudTrail

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Json = dict[str, Any]


class Control:
    """The first middleware: its requests are nobody's in the account, and no record's."""

    def __init__(self, trail: CloudTrail, site: Site) -> None:
        outsider = Outsider(site)
        self._token = token(site.home)
        self._verbs: dict[str, Callable[[Json], Json]] = {
            "deliver": lambda _: asdict(trail.deliver()),
            "read": lambda asked: asdict(outsider.read(asked["bucket"], asked["key"])),
            "decrypt": lambda asked: asdict(outsider.decrypt(asked["key"])),
            "remove-event": lambda asked: asdict(tampering.remove_event(trail.delivery, asked["event"])),
            "remove-digest": lambda asked: {"digest": tampering.remove_digest(trail.delivery, asked.get("digest"))},
        }

    def __call__(self, inner: WSGIApplication) -> WSGIApplication:
        """Return `inner` behind these verbs."""

        def controlled(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            incoming = Incoming(environ)
            if not incoming.path.startswith(PATH):
                return inner(environ, start_response)
            status, answer = self._told(incoming)
            content = json.dumps(answer).encode()
            start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
            return [content]

        return controlled

    def _told(self, incoming: Incoming) -> tuple[str, Json]:
        body = incoming.body
        if not hmac.compare_digest(incoming.header(TOKEN_HEADER) or "", self._token):
            return "403 Forbidden", {"error": "this needs the token of the sandbox's secrets file"}
        verb = self._verbs.get(incoming.path.removeprefix(PATH))
        if verb is None:
            return "404 Not Found", {"error": f"there is {', '.join(sorted(self._verbs))}"}
        try:
            return "200 OK", verb(json.loads(body or b"{}"))
        except KeyError as missing:
            return "404 Not Found", {"error": f"the trail has no {missing}"}
