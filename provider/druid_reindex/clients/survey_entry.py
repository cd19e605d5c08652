"""Read-only looks at the way to Druid: its servers' TLS handshakes, and the load balancers that its names lead to.

A load balancer is found by its DNS name, as the URL's host or as the canonical name of an alias; one behind an alias
record of Route 53, which no resolver shows, is not.
Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeListeners.html
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import boto3
import httpx

from druid_reindex.clients import probes
from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import client_config
from druid_reindex.errors import ConfigurationError, NoAnswerError
from druid_reindex.model.account import LoadBalancer
from druid_reindex.model.druid_server import Handshake

_ATTEMPTS = 2
_SECONDS = 10.0
_SECURED = {"HTTPS", "TLS"}


def handshake(url: str, *, ca_file: Path | None) -> Handshake:
    """The handshake with the URL's server; plain HTTP and what does not verify is told, not raised.

    Raises NoAnswerError when no answer came.
    """
    parsed = httpx.URL(url)
    if parsed.scheme != "https":
        return Handshake(problem="plain HTTP")
    try:
        return probes.handshake(parsed.host, parsed.port or 443, ca_file=ca_file, seconds=_SECONDS)
    except ConfigurationError as error:
        return Handshake(problem=error.came_back)


class EntrySurvey:
    """The load balancers of one account and Region."""

    def __init__(self, session: boto3.Session) -> None:
        with translated("make a client of Elastic Load Balancing", "the AWS session"):
            self._elb: Any = session.client("elbv2", config=client_config(attempts=_ATTEMPTS))

    def load_balancers(self, urls: Iterable[str]) -> tuple[LoadBalancer, ...]:
        """Those that the URLs' hosts lead to. Raises NoAnswerError when a name cannot be resolved."""
        names = {name for url in urls for name in _all_names(httpx.URL(url).host)}
        with translated("read load balancers", ", ".join(sorted(names))):
            pages = self._elb.get_paginator("describe_load_balancers").paginate()
            found = [each for page in pages for each in page["LoadBalancers"]]
        return tuple(self._judged(each) for each in found if each.get("DNSName", "").lower() in names)

    def _judged(self, found: Mapping[str, Any]) -> LoadBalancer:
        with translated("read a load balancer's listeners", found["DNSName"]):
            pages = self._elb.get_paginator("describe_listeners").paginate(LoadBalancerArn=found["LoadBalancerArn"])
            listeners = [each for page in pages for each in page["Listeners"]]
        unsafe = [f"{each['Protocol']} {each['Port']}" for each in listeners if not _is_secured(each)]
        return LoadBalancer(found["DNSName"], tuple(unsafe))


def _is_secured(listener: Mapping[str, Any]) -> bool:
    if listener.get("Protocol") in _SECURED:
        return True
    actions = listener.get("DefaultActions", [])
    redirects = [each.get("RedirectConfig", {}).get("Protocol") for each in actions if each.get("Type") == "redirect"]
    return bool(redirects) and len(redirects) == len(actions) and set(redirects) == {"HTTPS"}


def _all_names(host: str) -> set[str]:
    try:
        canonical, aliases, _ = socket.gethostbyname_ex(host)
    except OSError as error:
        raise NoAnswerError(
            "resolve a name",
            resource=host,
            came_back=str(error),
            remedy="correct the URL, or let this machine's resolver know the name (private zone, VPN)",
        ) from error
    return {name.rstrip(".").lower() for name in (host, canonical, *aliases)}
