"""Asks a running account's trail for what `control.py` answers; loads no moto."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from druid_reindex.errors import NoAnswerError, NotFoundError
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.home import SandboxHome

PATH = "/-/trail/"
TOKEN_HEADER = "X-Sandbox-Token"  # noqa: S105
SECRET = "trail_control"  # noqa: S105
TIMEOUT_SECONDS = 60.0


def token(home: SandboxHome) -> str:
    """Return the token without which the account answers nothing here."""
    return home.secret(SECRET)


def ask(home: SandboxHome, verb: str, **asked: str) -> dict[str, Any]:
    """Return the account's answer. Raises NotFoundError for what is not there, NoAnswerError without an account."""
    url = f"{service.endpoint_url(home)}{PATH}{verb}"
    headers = {TOKEN_HEADER: token(home), "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(asked).encode(), headers)  # noqa: S310 - https of our own
    context = ssl.create_default_context(cafile=str(home.ca_file))
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as refused:
        with refused:
            said = refused.read().decode("utf-8", "replace")
        raise NotFoundError(
            f"Telling the trail to {verb}",
            resource=url,
            came_back=said,
            remedy="look in the trail's bucket with `aws s3 ls` and name what is there",
        ) from refused
    except OSError as error:
        raise NoAnswerError(
            f"Telling the trail to {verb}",
            resource=url,
            came_back=str(error),
            remedy="start the sandbox: druid-reindex sandbox up",
        ) from error
