"""One question, asked once a round for everybody in this process who waits for its answer."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.errors import DruidReindexError, Transient

REOPEN_SECONDS = 900.0
MOST_PAUSE_SECONDS = 300.0
_JITTER = 0.2
_FIRST_SHARE, _LONGER, _MOST_LOOKS = 0.1, 1.2, 13

Seen = Mapping[str, Any] | DruidReindexError


@dataclass(frozen=True)
class Question:
    """What is asked, of whom: ``open`` connects, ``ask`` answers for all items at once, by item.

    The connection is made anew every quarter of an hour, so that credentials of a chained role, which last an hour,
    never run out while somebody waits. What ``may_end_soon`` is asked for sooner at first.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
    """

    key: Hashable
    open: Callable[[], AbstractAsyncContextManager[Any]]
    ask: Callable[[Any, frozenset[str]], Awaitable[Mapping[str, Any]]]
    may_end_soon: bool = True


@dataclass
class SharedPoll:
    """The rounds of one question, from its first watcher to its last."""

    question: Question
    poll_seconds: float
    items: Counter[str] = field(default_factory=Counter)
    _rounds: asyncio.Task[None] | None = None
    _next: asyncio.Future[Seen] | None = None

    async def watch(self, item: str) -> AsyncGenerator[Seen, None]:
        """The answers that come in from now on, and the errors; all items of the question are asked for at once."""
        self.items[item] += 1
        if self._rounds is None:
            self._next = asyncio.get_running_loop().create_future()
            self._rounds = asyncio.create_task(self._go_round())
            self._rounds.add_done_callback(self._tell_defect)
        try:
            while self._next is not None:
                yield await asyncio.shield(self._next)
        finally:
            self._leave(item)

    def _leave(self, item: str) -> None:
        self.items[item] -= 1
        self.items += Counter()
        if not self.items and self._rounds is not None:
            self._rounds.cancel()
            self._rounds = None

    def _tell_defect(self, rounds: asyncio.Task[None]) -> None:
        """Raise what no answer stands for with those who wait: they would wait for ever."""
        defect = None if rounds.cancelled() else rounds.exception()
        if defect is not None and self._next is not None and not self._next.done():
            self._next.set_exception(defect)

    async def _go_round(self) -> None:
        looks, failures = 0 if self.question.may_end_soon else _MOST_LOOKS, 0
        while True:
            try:
                async with asyncio.timeout(REOPEN_SECONDS), self.question.open() as connected:
                    while True:
                        await asyncio.sleep(pause_seconds(self.poll_seconds, looks, failures))
                        self._tell(await self.question.ask(connected, frozenset(self.items)))
                        looks, failures = looks + 1, 0
            except TimeoutError:
                continue
            except DruidReindexError as error:
                failures += 1
                self._tell(error)
                if not isinstance(error, Transient):
                    await asyncio.sleep(pause_seconds(self.poll_seconds, looks, failures))

    def _tell(self, seen: Seen) -> None:
        told, self._next = self._next, asyncio.get_running_loop().create_future()
        if told is not None and not told.done():
            told.set_result(seen)


def pause_seconds(poll_seconds: float, looks: int, failures: int) -> float:
    """Seconds until the next look, with jitter: a tenth of the interval at first, and longer from look to look.

    So what ends soon is seen soon, and after a minute the interval is whole. Doubled for each look that failed in a
    row, within limits.
    """
    share = min(1.0, _FIRST_SHARE * _LONGER ** min(looks, _MOST_LOOKS))
    jittered = poll_seconds * share * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  (spreads load, guards nothing)
    return min(MOST_PAUSE_SECONDS, jittered * 2.0**failures) if failures else jittered


_POLLS: dict[tuple[int, Hashable, float], SharedPoll] = {}


@asynccontextmanager
async def shared(question: Question, poll_seconds: float) -> AsyncIterator[SharedPoll]:
    """The poll of this event loop that asks ``question``; forgotten when nobody watches it any more."""
    key = (id(asyncio.get_running_loop()), question.key, poll_seconds)
    poll = _POLLS.setdefault(key, SharedPoll(question, poll_seconds))
    try:
        yield poll
    finally:
        if not poll.items:
            _POLLS.pop(key, None)
