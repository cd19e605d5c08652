"""Druid's users, brought to what they should be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from druid_reindex.clients.druid_users import DruidUsers, Realm
from druid_reindex.errors import NotAuthorizedError, ProtocolError
from druid_reindex.model.pipeline import Classification
from druid_reindex.plan.druid_access import Grant, api_user
from druid_server import CONFIG, unhurried

USER = api_user(Classification.PHI, ["patient_vitals"])
BASE = "/druid-ext/basic-security"


@dataclass
class Security:
    """Druid's basic security, as its documentation has it: what is there already is an error to make."""

    logins: dict[str, str] = field(default_factory=dict)
    users: dict[str, set[str]] = field(default_factory=dict)
    roles: dict[str, list[Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(BASE)
        if request.method == "GET":
            return httpx.Response(200, json=self._read(path.split("/")[4:], is_login="/authentication/" in path))
        self.writes.append(path)
        return self._write(path, json.loads(request.content or b"null"))

    def _read(self, words: list[str], *, is_login: bool) -> Any:
        match words:
            case ["users"]:
                return sorted(self.logins if is_login else self.users)
            case ["users", name]:
                return {"name": name, "roles": sorted(self.users[name])}
            case ["roles"]:
                return sorted(self.roles)
            case ["roles", name, "permissions"]:
                return [{"resourceAction": each, "resourceNamePattern": "x"} for each in self.roles[name]]
        raise AssertionError(words)

    def _write(self, path: str, body: Any) -> httpx.Response:
        is_login, words = "/authentication/" in path, path.split("/")[4:]
        there: dict[str, Any] = self.logins if is_login else getattr(self, words[0])
        match words:
            case [_, name] if name in there:
                return httpx.Response(400, json={"error": f"[{name}] already exists."})
            case ["users", name, "credentials"]:
                self.logins[name] = body["password"]
            case ["roles", name, "permissions"]:
                self.roles[name] = body
            case ["users", name, "roles", role]:
                self.users[name].add(role)
            case ["users", name]:
                there[name] = "" if is_login else set()
            case ["roles", name]:
                self.roles[name] = []
        return httpx.Response(200)


def users(handler: Any) -> DruidUsers:
    return DruidUsers(CONFIG, transport=httpx.MockTransport(handler), pace=unhurried())


def test_a_new_user_has_a_login_a_role_and_its_permissions() -> None:
    druid = Security()
    with users(druid) as admin:
        changes = admin.bring(USER, "new-password")
        assert admin.grants(USER.role) == USER.grants
        assert admin.roles(USER.name) == (USER.role,)
    assert druid.logins == {"airflow_phi": "new-password"}
    assert "WRITE DATASOURCE patient_vitals" in changes
    assert changes[-1] == "airflow_phi has role druid_reindex_phi"
    assert "new-password" not in " ".join(changes)


def test_a_second_time_only_the_password_is_set() -> None:
    druid = Security()
    with users(druid) as admin:
        admin.bring(USER, "first")
        druid.writes.clear()
        assert admin.bring(USER, "second") == []
    assert druid.logins == {"airflow_phi": "second"}
    assert [path.rpartition("/")[2] for path in druid.writes] == ["credentials"]


def test_what_the_role_had_besides_is_gone() -> None:
    druid = Security()
    everything = Grant("DATASOURCE", ".*", "WRITE")
    with users(druid) as admin:
        admin.bring(replace(USER, grants=(everything, *USER.grants)), "p")
        assert admin.bring(USER, "p") == ["no longer WRITE DATASOURCE .*"]
        assert admin.grants(USER.role) == USER.grants


def test_the_realms_names_are_the_servers_own() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(200, json={"roles": []})

    with DruidUsers(CONFIG, Realm("MyAuthenticator", "MyAuthorizer"), transport=httpx.MockTransport(answer)) as admin:
        admin.roles("airflow")
    assert seen == [f"{BASE}/authorization/db/MyAuthorizer/users/airflow"]


def test_who_may_not_administer_is_told_so() -> None:
    with users(lambda _request: httpx.Response(403)) as admin, pytest.raises(NotAuthorizedError):
        admin.bring(USER, "p")


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json={}), httpx.Response(200, json=[{"x": 1}])]
)
def test_an_answer_of_somebody_else_is_no_role(answer: httpx.Response) -> None:
    with users(lambda _request: answer) as admin, pytest.raises(ProtocolError):
        admin.grants("role")
