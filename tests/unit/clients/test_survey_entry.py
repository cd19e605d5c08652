"""The way to Druid: handshakes, and load balancers on moto."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from druid_reindex.clients import probes, survey_entry
from druid_reindex.clients.survey_entry import EntrySurvey, handshake
from druid_reindex.errors import ConfigurationError, NoAnswerError
from druid_reindex.model.account import LoadBalancer
from druid_reindex.model.druid_server import Handshake


@pytest.fixture
def session() -> Iterator[boto3.Session]:
    with mock_aws():
        yield boto3.Session("testing", "testing", region_name="us-east-1")


def balancer(session: boto3.Session) -> tuple[Any, dict[str, Any]]:
    ec2, elb = session.client("ec2"), session.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    return elb, elb.create_load_balancer(Name="druid", Subnets=subnets, Scheme="internal")["LoadBalancers"][0]


def listening(elb: Any, found: dict[str, Any], protocol: str, port: int, action: dict[str, Any], **more: Any) -> None:
    arn = found["LoadBalancerArn"]
    elb.create_listener(LoadBalancerArn=arn, Protocol=protocol, Port=port, DefaultActions=[action], **more)


def test_listeners_that_neither_speak_tls_nor_redirect_to_it(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    elb, found = balancer(session)
    name = found["DNSName"]
    monkeypatch.setattr(survey_entry.socket, "gethostbyname_ex", lambda host: (f"{name}.", [host], ["10.0.0.9"]))
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    made = session.client("acm").request_certificate(DomainName="druid.example.org")["CertificateArn"]
    listening(elb, found, "HTTPS", 443, fixed, Certificates=[{"CertificateArn": made}])
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    listening(elb, found, "HTTP", 80, {"Type": "redirect", "RedirectConfig": redirect})
    survey = EntrySurvey(session)
    assert survey.load_balancers(["https://druid.example.org"]) == (LoadBalancer(name, ()),)
    listening(elb, found, "HTTP", 8080, fixed)
    assert survey.load_balancers(["https://druid.example.org"]) == (LoadBalancer(name, ("HTTP 8080",)),)


def test_a_server_without_a_load_balancer(session: boto3.Session) -> None:
    balancer(session)
    assert EntrySurvey(session).load_balancers(["https://127.0.0.1:8281"]) == ()


def test_a_name_that_does_not_resolve_is_no_answer(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_host: str) -> Any:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(survey_entry.socket, "gethostbyname_ex", unknown)
    with pytest.raises(NoAnswerError):
        EntrySurvey(session).load_balancers(["https://druid.example.org"])


def test_what_does_not_verify_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handshake("http://druid.example.org", ca_file=None) == Handshake(problem="plain HTTP")

    def refused(*_: Any, **__: Any) -> Handshake:
        raise ConfigurationError("verify TLS", resource="druid", came_back="self-signed", remedy="name the CA")

    monkeypatch.setattr(probes, "handshake", refused)
    assert handshake("https://druid.example.org", ca_file=None) == Handshake(problem="self-signed")
