"""One HTTP client for Druid's servers: TLS, basic authentication, redirects, repetition, and errors of our own tree.

Nothing of a request's body is logged or quoted in an error, and neither is the body of an answer that is not Druid's.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from druid_reindex import __version__
from druid_reindex.clients.calls import Tally
from druid_reindex.clients.druid_errors import from_answer, from_httpx
from druid_reindex.clients.journal_druid import DruidRecorder
from druid_reindex.errors import ConfigurationError, NoAnswerError, ProtocolError, ThrottledError, UnavailableError

T = TypeVar("T")

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_MOST_REDIRECTS = 3
_REPEATED = (NoAnswerError, ThrottledError, UnavailableError)


@dataclass(frozen=True, slots=True)
class DruidConfig:
    """Where Druid is and how to speak to it; all three URLs may be the Router's.

    ``protected``: what travels is protected health information, and plain http is refused wherever the server is.
    ``leader_hosts`` are further ``host:port``s that a server may redirect to as the leader. A request that is safe to
    repeat is repeated until ``deadline_seconds`` have passed. Raises ConfigurationError for a URL that cannot work.
    """

    overlord_url: str
    coordinator_url: str
    broker_url: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    deadline_seconds: float = 120.0
    leader_hosts: tuple[str, ...] = ()
    protected: bool = False

    def __post_init__(self) -> None:
        for url in self.urls:
            parsed = httpx.URL(url)
            if parsed.scheme not in {"http", "https"} or not parsed.host:
                raise _bad_url(url, "it is not an http(s) URL", "write https://host:port")
            if parsed.userinfo:
                raise _bad_url(parsed.host, "the URL carries credentials", "use the connection's login and password")
            if parsed.scheme == "http":
                self._refuse_exposed(url, parsed.host)

    def _refuse_exposed(self, url: str, host: str) -> None:
        """Raise ConfigurationError for a plain URL that would show protected data or the password."""
        if self.protected:
            raise _bad_url(
                url,
                "plain http, and the pipeline's data are protected health information",
                "write https:// with Druid's TLS port (druid.tlsPort), and name in ca_file the CA that signed for it",
            )
        if self.password and host not in _LOOPBACK:
            raise _bad_url(url, "the password would travel in clear text", "write https:// and name the CA file")

    @property
    def urls(self) -> tuple[str, str, str]:
        """The three servers' URLs."""
        return self.overlord_url, self.coordinator_url, self.broker_url

    @property
    def trusted(self) -> frozenset[str]:
        """The ``host:port``s that may be sent a request."""
        return frozenset(_netloc(httpx.URL(url)) for url in self.urls) | frozenset(self.leader_hosts)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; ``repeatable`` says that doing it twice does no more than doing it once.

    ``read_seconds`` is for one whose answer may take longer than the configuration's.
    """

    attempted: str
    method: str
    url: str
    body: Any = None
    params: Mapping[str, str] = field(default_factory=dict)
    expected: frozenset[int] = frozenset({200})
    repeatable: bool = True
    read_seconds: float | None = None


@dataclass(slots=True)
class Pace:
    """The clock and the dice of repetition; tests bring their own."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[float, float], float] = random.uniform
    first_seconds: float = 0.5
    most_seconds: float = 15.0

    def pause_seconds(self, attempt: int) -> float:
        """Seconds before the next try: full jitter below a doubling bound."""
        return self.jitter(0.0, min(self.most_seconds, self.first_seconds * 2.0**attempt))


class DruidHttp:
    """Sends requests to Druid and hands expected answers, unread, to a consumer.

    Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html
    """

    def __init__(
        self, config: DruidConfig, *, transport: httpx.BaseTransport | None = None, pace: Pace | None = None
    ) -> None:
        self._config = config
        self._pace = pace or Pace()
        self._calls = Tally()
        self._recorder = DruidRecorder(config.user)
        self._client = httpx.Client(
            **client_arguments(config),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def run(self, ask: Ask, consume: Callable[[httpx.Response], T]) -> T:
        """What ``consume`` makes of the expected answer; repeats the whole of it when that is safe.

        Raises the error that the last answer, or the lack of one, stands for.
        """
        self._calls.add("druid")
        give_up = self._pace.clock() + self._config.deadline_seconds
        attempt = 0
        while True:
            try:
                return self._once(ask, consume)
            except _REPEATED:
                pause = self._pace.pause_seconds(attempt)
                if not ask.repeatable or self._pace.clock() + pause >= give_up:
                    raise
                attempt += 1
                self._pace.sleep(pause)

    def _once(self, ask: Ask, consume: Callable[[httpx.Response], T]) -> T:
        url = httpx.URL(ask.url)
        for _ in range(_MOST_REDIRECTS + 1):
            request = self._client.build_request(
                ask.method, url, json=ask.body, params=dict(ask.params) or None, timeout=self._timeout(ask)
            )
            try:
                with self._recorder.recorded(request) as answered:
                    response = answered(self._client.send(request, stream=True))
                try:
                    if not response.has_redirect_location:
                        return self._consumed(ask, response, consume)
                    url = leader(self._config, ask, response)
                finally:
                    response.close()
            except httpx.HTTPError as error:
                raise from_httpx(error, attempted=ask.attempted, resource=where(request.url)) from error
        raise _bad_redirect(ask, url, "redirected again and again", "check which server leads")

    def _timeout(self, ask: Ask) -> httpx.Timeout:
        seconds = max(self._config.read_seconds, ask.read_seconds or 0.0)
        return httpx.Timeout(seconds, connect=self._config.connect_seconds)

    def _consumed(self, ask: Ask, response: httpx.Response, consume: Callable[[httpx.Response], T]) -> T:
        if response.status_code in ask.expected:
            return consume(response)
        response.read()
        raise from_answer(response, attempted=ask.attempted, resource=where(response.request.url))


def leader(config: DruidConfig, ask: Ask, response: httpx.Response) -> httpx.URL:
    """Where a server that does not lead sends us: same scheme, a host that the configuration names."""
    here = response.request.url
    target = here.join(response.headers["location"])
    if response.status_code not in {307, 308} and ask.method != "GET":
        raise _bad_redirect(
            ask,
            target,
            f"a redirect with HTTP {response.status_code}, which would change the method",
            "check the URL",
        )
    if target.scheme != here.scheme or _netloc(target) not in config.trusted:
        remedy = "add it to the connection's leader_hosts if it is a Druid server of yours"
        raise _bad_redirect(ask, target, "a redirect to a server that the connection does not name", remedy)
    return target.copy_with(query=None) if ask.params else target


def client_arguments(config: DruidConfig) -> dict[str, Any]:
    """How each of our httpx clients speaks to Druid: its user, CA and time-outs, no proxy."""
    return {
        "auth": httpx.BasicAuth(config.user, config.password) if config.user else None,
        # Druid 25 declares no type for some answers, which it then cannot write: it takes the one that is asked for.
        "headers": {"User-Agent": f"druid-reindex/{__version__}", "Accept": "application/json, */*;q=0.5"},
        "timeout": httpx.Timeout(config.read_seconds, connect=config.connect_seconds),
        "follow_redirects": False,
        "trust_env": False,
        "verify": _tls(config.ca_file),
    }


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    """A verifying TLS context, 1.2 or newer, with the CA bundle in place of the system's. Raises ConfigurationError."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "read the CA bundle",
            resource=str(ca_file),
            came_back=f"{type(error).__name__}: {error.strerror or 'not a PEM bundle'}",
            remedy="name a readable PEM file with the CA's certificates",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _netloc(url: httpx.URL) -> str:
    return f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"


def where(url: httpx.URL) -> str:
    """The address without its query and credentials."""
    return str(url.copy_with(query=None, userinfo=b""))


def unknown_form(ask: Ask, came_back: str) -> ProtocolError:
    """The error for an answer whose form this release does not know."""
    return ProtocolError(
        ask.attempted,
        resource=ask.url.split("?", 1)[0],
        came_back=came_back,
        remedy="check that the URL is Druid's own, of a release that is supported (25 to 36)",
    )


def _bad_url(resource: str, came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError("read Druid's connection", resource=resource, came_back=came_back, remedy=remedy)


def _bad_redirect(ask: Ask, target: httpx.URL, came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(ask.attempted, resource=where(target), came_back=came_back, remedy=remedy)
