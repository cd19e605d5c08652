"""Security configurations are made once and read back; passwords are made up or read at launch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from changed_configs import SHIPPED
from druid_reindex.clients.cluster_security import ensure_configuration, kerberos_attributes
from druid_reindex.errors import IntegrityError, NotFoundError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.security_file import load_security
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.security import KerberosNeeds, needed
from twins import FakeEmr, FakeSecrets

ZIP = S3Uri.parse("s3://certificates/phi.zip")
WANTED = needed(load_security(SHIPPED, "dedicated_kdc"), load_boundaries(SHIPPED).phi, ZIP)


def test_it_is_made_when_absent_and_then_left_as_it_is() -> None:
    emr, said = FakeEmr(), list[str]()
    assert ensure_configuration(emr, WANTED, said.append) == WANTED.name
    assert emr.configurations[WANTED.name].text == WANTED.text
    assert ensure_configuration(emr, WANTED, said.append) == WANTED.name
    assert said == [f"creating security configuration {WANTED.name}"]


def test_the_same_content_in_other_words_is_the_same() -> None:
    emr = FakeEmr()
    emr.create_security_configuration(WANTED.name, WANTED.text.replace(",", ",\n  "))
    assert ensure_configuration(emr, WANTED, pytest.fail) == WANTED.name


@pytest.mark.parametrize("text", ["{}", "{", WANTED.text.replace("true", "false")])
def test_another_content_under_the_name_is_no_pass(text: str) -> None:
    emr = FakeEmr()
    emr.create_security_configuration(WANTED.name, text)
    with pytest.raises(IntegrityError, match="another content"):
        ensure_configuration(emr, WANTED, pytest.fail)


def test_one_that_cannot_be_read_back_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    emr = FakeEmr()
    monkeypatch.setattr(emr, "create_security_configuration", lambda _name, _text: None)
    with pytest.raises(IntegrityError, match="nothing"):
        ensure_configuration(emr, WANTED, lambda _: None)


def test_a_dedicated_kdc_has_a_new_password_each_time_and_no_secret_is_asked_for() -> None:
    made = [kerberos_attributes(KerberosNeeds("EC2.INTERNAL"), pytest.fail) for _ in range(3)]
    assert {each["Realm"] for each in made} == {"EC2.INTERNAL"}
    assert {tuple(each) for each in made} == {("Realm", "KdcAdminPassword")}
    passwords = {each["KdcAdminPassword"] for each in made}
    assert len(passwords) == 3
    assert min(map(len, passwords)) >= 43


def test_the_other_passwords_are_read_from_their_secrets() -> None:
    vault = FakeSecrets.of(kdc={"password": "a"}, trust={"password": "b"}, join={"user": "u", "password": "c"})
    needs = KerberosNeeds("EC2.INTERNAL", None, "trust", "join")
    made = kerberos_attributes(needs, lambda: vault)
    assert made.pop("KdcAdminPassword") not in {"a", "b", "c"}
    assert made == {"Realm": "EC2.INTERNAL", "CrossRealmTrustPrincipalPassword": "b", "ADDomainJoinUser": "u",
                    "ADDomainJoinPassword": "c"}  # fmt: skip
    outside = replace(needs, realm="R", admin_secret_id="kdc", trust_secret_id=None, join_secret_id=None)
    assert kerberos_attributes(outside, lambda: vault) == {"Realm": "R", "KdcAdminPassword": "a"}


@pytest.mark.parametrize("secret", [{}, {"password": ""}, {"passwort": "xyzzy"}])
def test_a_secret_without_it_is_named_and_not_told(secret: dict[str, str]) -> None:
    with pytest.raises(NotFoundError, match='add "password" to the secret') as refusal:
        kerberos_attributes(KerberosNeeds("R", "kdc"), lambda: FakeSecrets.of(kdc=secret))
    assert "xyzzy" not in str(refusal.value)
