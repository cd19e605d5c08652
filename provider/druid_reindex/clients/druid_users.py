"""Users, roles and permissions of Druid's basic security, as an administrator.

Source: https://druid.apache.org/docs/25.0.0/development/extensions-core/druid-basic-security.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from druid_reindex.clients.druid_answers import json_object, text
from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp, Pace
from druid_reindex.errors import ProtocolError
from druid_reindex.plan.druid_access import DruidUser, Grant


@dataclass(frozen=True, slots=True)
class Realm:
    """The names that the servers' properties give to their authenticator and authorizer."""

    authenticator: str = "basic"
    authorizer: str = "basic"


class DruidUsers:
    """The Coordinator's user administration; a context manager that closes its connections."""

    def __init__(
        self,
        config: DruidConfig,
        realm: Realm | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        pace: Pace | None = None,
    ) -> None:
        base, realm = f"{config.coordinator_url.rstrip('/')}/druid-ext/basic-security", realm or Realm()
        self._authentication = f"{base}/authentication/db/{quote(realm.authenticator, safe='')}"
        self._authorization = f"{base}/authorization/db/{quote(realm.authorizer, safe='')}"
        self._http = DruidHttp(config, transport=transport, pace=pace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def bring(self, user: DruidUser, password: str) -> list[str]:
        """Make the user, its role and the role's permissions what ``user`` says, and log in by ``password``.

        Returns what was changed, the password apart, which is set each time; what the role had besides is gone.
        Raises NotAuthorizedError for who may not administer users, NotFoundError for another realm.
        """
        name, role = quote(user.name, safe=""), quote(user.role, safe="")
        changes = self._made(f"{self._authentication}/users", user.name, "a login")
        self._post(f"{self._authentication}/users/{name}/credentials", {"password": password})
        changes += self._made(f"{self._authorization}/users", user.name, "a user")
        changes += self._made(f"{self._authorization}/roles", user.role, "a role")
        had = self.grants(user.role)
        if had != user.grants:
            self._post(f"{self._authorization}/roles/{role}/permissions", [each.as_json() for each in user.grants])
            changes += _difference(had, user.grants)
        if user.role not in self.roles(user.name):
            self._post(f"{self._authorization}/users/{name}/roles/{role}")
            changes.append(f"{user.name} has role {user.role}")
        return changes

    def roles(self, name: str) -> tuple[str, ...]:
        """The roles of the user, in order."""
        ask = Ask("read a Druid user", "GET", f"{self._authorization}/users/{quote(name, safe='')}")
        found = self._http.run(ask, lambda response: json_object(response, ask.attempted))
        return tuple(sorted(map(str, found.get("roles") or ())))

    def grants(self, role: str) -> tuple[Grant, ...]:
        """The permissions of the role, in order."""
        url = f"{self._authorization}/roles/{quote(role, safe='')}/permissions"
        ask = Ask("read a Druid role", "GET", url)
        try:
            return tuple(sorted(_grant(row) for row in self._list(ask)))
        except (KeyError, TypeError) as error:
            raise _unknown_form(ask, f"a permission without a usable {error}") from error

    def _made(self, url: str, name: str, kind: str) -> list[str]:
        """Make ``name`` where the list at ``url`` lacks it."""
        if name in self._list(Ask("list Druid's users and roles", "GET", url)):
            return []
        self._post(f"{url}/{quote(name, safe='')}")
        return [f"{name} is {kind}"]

    def _list(self, ask: Ask) -> list[Any]:
        found: Any = self._http.run(ask, lambda response: _json(response, ask))
        if not isinstance(found, list):
            raise _unknown_form(ask, "no list")
        return found

    def _post(self, url: str, body: Any = None) -> None:
        ask = Ask("change a Druid user", "POST", url, body=body, repeatable=False)
        self._http.run(ask, text)


def _json(response: httpx.Response, ask: Ask) -> Any:
    response.read()
    try:
        return response.json()
    except ValueError as error:
        raise _unknown_form(ask, "no JSON") from error


def _grant(row: Any) -> Grant:
    """One permission, with or without the compiled pattern that Druid keeps beside it."""
    granted = row.get("resourceAction", row)
    return Grant(granted["resource"]["type"], granted["resource"]["name"], granted["action"])


def _difference(had: tuple[Grant, ...], has: tuple[Grant, ...]) -> list[str]:
    gone = [f"no longer {each.action} {each.kind} {each.name}" for each in had if each not in has]
    return [f"{each.action} {each.kind} {each.name}" for each in has if each not in had] + gone


def _unknown_form(ask: Ask, came_back: str) -> ProtocolError:
    remedy = "check that the Coordinator runs druid-basic-security and that the names of its realm are right"
    return ProtocolError(ask.attempted, resource=ask.url, came_back=came_back, remedy=remedy)
