"""The checks of Druid: its names resolve, its certificates verify, its release runs the engine, its user may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx

from druid_reindex.cli.doctor_report import Check, Outcome, good, wrong
from druid_reindex.clients import probes
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.errors import ConfigurationError, NotAuthorizedError, NotFoundError
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Classification, Pipeline

ADDRESS, TLS = "Druid's address", "Druid's TLS"
_SECONDS = 10.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def druid_checks(pipeline: Pipeline, find_druid: Callable[[], DruidConfig]) -> list[Check]:
    """The checks, each of one try; ``find_druid`` raises ConfigurationError when nobody says where Druid is."""
    return [
        Check(ADDRESS, lambda: _resolved(find_druid())),
        Check(TLS, lambda: _secured(find_druid(), pipeline), needs=ADDRESS),
        Check("Druid's release", lambda: _release(find_druid(), pipeline), needs=TLS),
        Check(
            "Druid's user",
            lambda: _readable(find_druid(), pipeline),
            needs=TLS,
            wrong_on=(NotAuthorizedError, NotFoundError, ConfigurationError),
        ),
    ]


def _resolved(config: DruidConfig) -> Outcome:
    hosts = {url.host: _port(url) for url in _urls(config.urls)}
    found = {host: probes.resolve(host, port) for host, port in hosts.items()}
    return good(", ".join(f"{host} is {' '.join(addresses)}" for host, addresses in found.items()))


def _secured(config: DruidConfig, pipeline: Pipeline) -> Outcome:
    open_urls = [url for url in _urls(config.urls) if url.scheme != "https"]
    spared = set() if pipeline.classification is Classification.PHI else _LOOPBACK
    exposed = [f"{url.host}:{_port(url)}" for url in open_urls if url.host not in spared]
    if exposed:
        return wrong(f"plain HTTP to {', '.join(exposed)}", "give Druid a TLS port, and write https:// and the CA file")
    versions = {
        f"{url.host}:{_port(url)}": probes.handshake(
            url.host, _port(url), ca_file=config.ca_file, seconds=_SECONDS
        ).version
        for url in _urls(config.urls)
        if url.scheme == "https"
    }
    loopback = ["plain HTTP on loopback"] if open_urls else []
    return good(", ".join([*(f"{server} verifies, {version}" for server, version in versions.items()), *loopback]))


def _release(config: DruidConfig, pipeline: Pipeline) -> Outcome:
    with DruidClient(_brief(config)) as druid:
        version = druid.check_engine(pipeline.engine)
    return good(f"{version} runs engine {pipeline.engine.value}")


def _readable(config: DruidConfig, pipeline: Pipeline) -> Outcome:
    """Reads one day's segments and asks one query: the Coordinator's and the Broker's answer to this user."""
    now = datetime.now(UTC).replace(microsecond=0)
    with DruidClient(_brief(config)) as druid:
        segments = druid.used_segments(pipeline.datasource, [Interval(now - timedelta(days=1), now)])
        druid.query("SELECT 1")
    return good(
        f"{config.user or 'without a name'}, reads {pipeline.datasource}: {len(segments)} segments since yesterday"
    )


def _brief(config: DruidConfig) -> DruidConfig:
    return replace(config, connect_seconds=_SECONDS, read_seconds=_SECONDS, deadline_seconds=0.0)


def _urls(texts: Iterable[str]) -> list[httpx.URL]:
    return [httpx.URL(text) for text in dict.fromkeys(texts)]


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
