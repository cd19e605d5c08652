"""The second principal, whose requests pass through the gate like anybody's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from druid_reindex.sandbox.aws.trail.outsider import USER, Outsider
from recorded_account import DATA, Recorded


class Client:
    """Answers, or refuses, what the outsider asks, and remembers it."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        self.asked: dict[str, Any] = {}
        self.is_closed = False

    def get_object(self, **asked: Any) -> dict[str, Any]:
        return self._answer(asked)

    def decrypt(self, **asked: Any) -> dict[str, Any]:
        return self._answer(asked)

    def close(self) -> None:
        self.is_closed = True

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked = asked
        answer: dict[str, Any] = {"ResponseMetadata": {"RequestId": "r-1"}}
        if self.code:
            raise ClientError({**answer, "Error": {"Code": self.code}}, "Touch")
        return answer


def outsider(client: Client, tmp_path: Path) -> Outsider:
    site: Any = SimpleNamespace(client=lambda *_: client, home=tmp_path)
    return Outsider(site)


def test_a_user_of_its_own_with_a_grant_on_what_it_touches(trail: Recorded, tmp_path: Path) -> None:
    trail.encrypt()
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/x", b"content")
    client = Client()
    touched = outsider(client, tmp_path).read(DATA, "x")
    assert (touched.request_id, touched.error) == ("r-1", "")
    assert touched.user.endswith(f"user/{USER}")
    assert client.asked == {"Bucket": DATA, "Key": "x"}
    assert client.is_closed
    assert [each.grantee_principal for each in trail.key.grants.values()] == [touched.user]
    assert trail.account.iam.get_user(USER).arn == touched.user


@pytest.mark.parametrize("times", [1, 2])
def test_decrypting_needs_one_grant_however_often(trail: Recorded, tmp_path: Path, times: int) -> None:
    client = Client()
    stranger = outsider(client, tmp_path)
    for _ in range(times):
        stranger.decrypt(trail.key.arn)
    assert client.asked["KeyId"] == trail.key.arn
    assert len(trail.key.grants) == 1


def test_a_refusal_is_told(trail: Recorded, tmp_path: Path) -> None:
    assert outsider(Client("AccessDenied"), tmp_path).read(DATA, "x").error == "AccessDenied"
