"""Delivery: waiting records become files in their trail's bucket, and files become entries of the hour's digest.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html (names of files),
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html (about five minutes,
in no order), https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-intro.html
"""

from __future__ import annotations

import hashlib
import random
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from druid_reindex.sandbox.aws.site import ACCOUNT
from druid_reindex.sandbox.aws.trail import bucket
from druid_reindex.sandbox.aws.trail.bucket import NotDelivered
from druid_reindex.sandbox.aws.trail.digests import Chain, File, Signer, folder
from druid_reindex.sandbox.aws.trail.spool import Spool, Waiting

MOST_RECORDS = 2000
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Pace:
    """How often files are delivered; which part of the records comes a second time, in another file; and which part
    of the files has its slashes escaped, as some of AWS's have.
    """

    every_seconds: float = 15.0
    repeated: float = 0.005
    escaped: float = 0.2


@dataclass
class Progress:
    """What GetTrailStatus says of a trail: its last file and digest, and what its bucket last refused."""

    logs: datetime | None = None
    digests: datetime | None = None
    error: str = ""
    digest_error: str = ""


@dataclass(frozen=True)
class Delivered:
    """The keys of one delivery."""

    files: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)


class Delivery:
    """Delivers for every trail. `used` is told of each use of a trail's key: the trail, and the encryption context."""

    def __init__(
        self,
        spool: Spool,
        signer: Signer,
        trails: Callable[[], list[Any]],
        used: Callable[[Any, dict[str, str]], None],
        *,
        enforcing: bool,
        pace: Pace | None = None,
    ) -> None:
        self.pace = pace or Pace()
        self.progress: dict[str, Progress] = {}
        self.chains: dict[tuple[str, str], Chain] = {}
        self.signer = signer
        self.lock = threading.RLock()
        self._spool, self._trails, self._used, self._enforcing = spool, trails, used, enforcing
        self._random = random.Random()  # noqa: S311 - the order of records is no secret

    def deliver(self, now: datetime, *, everything: bool = False) -> list[str]:
        """Deliver what is due, or all that waits; return the keys of the files, in the order of their delivery."""
        made: list[str] = []
        with self.lock:
            trails = {trail.arn: trail for trail in self._trails()}
            groups: dict[tuple[str, str], list[Waiting]] = {}
            for waiting in self._spool.take(float("inf") if everything else time.time()):
                group = groups.setdefault((waiting.trail, waiting.region), [])
                group.append(waiting)
                if len(group) >= MOST_RECORDS:
                    made += self._group(trails.get(waiting.trail), waiting.region, group, now)
                    group.clear()
            for (arn, region), group in groups.items():
                if group:
                    made += self._group(trails.get(arn), region, group, now)
        return made

    def close(self, now: datetime) -> list[str]:
        """Close the digest of every chain now; return the keys of the digests."""
        with self.lock:
            return [key for place in list(self.chains) if (key := self._digest(place, now)) is not None]

    def close_due(self, now: datetime) -> list[str]:
        """Close the digests whose hour is over."""
        with self.lock:
            due = [place for place, chain in self.chains.items() if now >= chain.start + HOUR]
            return [key for place in due if (key := self._digest(place, now)) is not None]

    def end(self, arn: str, now: datetime) -> None:
        """Deliver all, close the trail's digests, and let its next one begin a chain: its logging stops.

        Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
        """
        with self.lock:
            self.deliver(now, everything=True)
            for place in [place for place in self.chains if place[0] == arn]:
                self._digest(place, now)
                del self.chains[place]

    def begin(self, trail: Any, now: datetime) -> None:
        """Begin the trail's chain in its own Region, where digests come whether or not there was anything to log."""
        with self.lock:
            self._chain(trail, trail.region_name, now)

    def _group(self, trail: Any, region: str, group: list[Waiting], now: datetime) -> Iterator[str]:
        """The records of one trail and Region as a file; some of them in another one once more."""
        if trail is None:
            return
        again = [each for each in group if self._random.random() < self.pace.repeated]
        for part in filter(None, (group, again)):
            try:
                yield self._file(trail, region, part, now)
            except NotDelivered as refused:
                self._progress(trail).error = refused.code
                self._spool.keep(part if part is group else ())
                return

    def _file(self, trail: Any, region: str, group: list[Waiting], now: datetime) -> str:
        shuffled = self._random.sample(group, len(group))
        content = b'{"Records":[%b]}' % b",".join(each.text for each in shuffled)
        if self._random.random() < self.pace.escaped:
            content = content.replace(b"/", rb"\/")
        day, minute = now.strftime("%Y/%m/%d"), now.strftime("%Y%m%dT%H%MZ")
        unique = "".join(secrets.choice(_LETTERS) for _ in range(16))
        base = folder(trail, "CloudTrail", region)
        key = f"{base}{day}/{ACCOUNT}_CloudTrail_{region}_{minute}_{unique}.json.gz"
        pairs = bucket.put_log(trail, key, content, enforcing=self._enforcing)
        times = [each.at for each in group]
        entry = File(trail.bucket_name, key, hashlib.sha256(content).hexdigest(), min(times), max(times))
        self._chain(trail, region, now).files.append(entry)
        self._progress(trail).logs, self._progress(trail).error = now, ""
        if pairs is not None:
            self._used(trail, pairs)
        return key

    def _chain(self, trail: Any, region: str, now: datetime) -> Chain:
        return self.chains.setdefault((trail.arn, region), Chain(now.replace(microsecond=0)))

    def _digest(self, place: tuple[str, str], now: datetime) -> str | None:
        """Close one digest. Its end is a second after its start at least, because the end is in its name."""
        arn, region = place
        trail = next((each for each in self._trails() if each.arn == arn), None)
        chain = self.chains[place]
        if trail is None or not trail.log_validation:
            chain.files.clear()
            return None
        end = max(now.replace(microsecond=0), chain.start + SECOND)
        document = chain.document(trail, region, end, self.signer.fingerprint(region))
        signed = self.signer.sign(region, document)
        try:
            bucket.put_digest(trail, signed.key, signed.content, signed.metadata, enforcing=self._enforcing)
        except NotDelivered as refused:
            self._progress(trail).digest_error = refused.code
            return None
        self.chains[place] = Chain(end, last=signed)
        self._progress(trail).digests, self._progress(trail).digest_error = now, ""
        return signed.key

    def _progress(self, trail: Any) -> Progress:
        return self.progress.setdefault(trail.arn, Progress())


class Clock:
    """Delivers at the delivery's pace in a thread of its own, until it is stopped."""

    def __init__(self, delivery: Delivery, spool: Spool) -> None:
        self._delivery, self._spool = delivery, spool
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="trail-delivery", daemon=True).start()

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._delivery.pace.every_seconds):
            now = datetime.now(UTC)
            if not self._spool.is_idle:
                self._delivery.deliver(now)
            self._delivery.close_due(now)
