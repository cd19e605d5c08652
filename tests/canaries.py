"""Canaries: values that are unique, and every form in which one could lie where it does not belong.

Text is looked for as it is, escaped for JSON and for URLs, in UTF-16, as hexadecimal digits and in base64 at each of
its three alignments; a number as text and as the eight bytes of a double. What is compressed is opened first.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import json
import re
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote, quote_plus

from druid_reindex.sandbox import kdc
from druid_reindex.sandbox.events import DayFiles
from druid_reindex.sandbox.home import SandboxHome

SHORTEST_BYTES = WORD_BYTES = 8
OPENED_BYTES = 64 * 2**20
DEPTH = 3
DAY = "2026-10-05"
_GZIP, _ZIP = b"\x1f\x8b\x08", b"PK\x03\x04"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
# Base64 of what begins as gzip, zlib and zip do.
_PACKED_TEXT = re.compile(rb"(?:H4sI|eAE|eF4|eJ|eN|UEsDB)[A-Za-z0-9+/_-]{24,}={0,2}")
# Names and keys' ids, which tell nothing; the one that holds another of these is found by that other.
_NOT_SECRET = re.compile(r"_access_key_id$|^druid-reindex/metadata$")


@dataclass(frozen=True)
class Canary:
    """A unique value and what it is; the value stays out of messages."""

    name: str
    value: str | bytes | float = field(repr=False)

    def forms(self) -> frozenset[bytes]:
        """Return every sequence of bytes that gives it away. Raises ValueError for what could occur by accident."""
        if isinstance(self.value, float):
            return _number_forms(self.value)
        raw = self.value if isinstance(self.value, bytes) else self.value.encode()
        if len(raw) < SHORTEST_BYTES:
            message = f"{self.name} is too short to be unique"
            raise ValueError(message)
        written = _text_forms(self.value) if isinstance(self.value, str) else frozenset()
        return written | {raw, raw.hex().encode(), raw.hex().upper().encode(), *_base64_forms(raw)}


@dataclass(frozen=True)
class Hunt:
    """What is looked for."""

    canaries: tuple[Canary, ...]
    forms: tuple[tuple[bytes, str], ...] = field(init=False, repr=False)
    short: frozenset[tuple[bytes, str]] = field(init=False, repr=False)
    words: dict[int, set[tuple[bytes, str]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known = sorted((form, canary.name) for canary in self.canaries for form in canary.forms())
        words: dict[int, set[tuple[bytes, str]]] = {}
        for each in known:
            for word in _first_words(each[0]):
                words.setdefault(word, set()).add(each)
        object.__setattr__(self, "forms", tuple(known))
        object.__setattr__(self, "short", frozenset(each for each in known if not _first_words(each[0])))
        object.__setattr__(self, "words", words)

    @property
    def longest(self) -> int:
        """The most bytes that one form has."""
        return max(len(form) for form, _ in self.forms)

    def plainly_in(self, data: bytes) -> set[str]:
        """Return the names of the canaries in the bytes as they are."""
        return {name for form, name in self._suspected_in(data) if form in data}

    def within(self, data: bytes) -> set[str]:
        """Return the names of the canaries in the bytes and in everything that is packed in them."""
        return set().union(*(self.plainly_in(layer) for layer in layers(data)))

    def _suspected_in(self, data: bytes) -> frozenset[tuple[bytes, str]]:
        """Return the forms of which a first word stands in the bytes at a multiple of its length, and all short ones.

        Wherever a form begins, one of its first words stands so; to look at words takes a tenth of the time.
        """
        whole = memoryview(data)[: len(data) // WORD_BYTES * WORD_BYTES].cast("Q")
        return self.short.union(*(self.words[word] for word in self.words.keys() & whole))


@dataclass(frozen=True)
class Planted:
    """One measurement of a patient who does not exist; `event` is what is delivered to Druid."""

    token: str
    description: str
    value: float

    @classmethod
    def fresh(cls) -> Planted:
        """Return one that nobody has seen; every language writes its value with the same ten digits."""
        value = (5_000_000_001 + 2 * secrets.randbelow(2_000_000_000)) / 10_000
        return cls(secrets.token_hex(16), f"canary of {secrets.token_urlsafe(24)}", value)

    @property
    def event(self) -> dict[str, object]:
        """The line of the delivery."""
        described = {"category": "laboratory", "code": "canary", "description": self.description}
        kind = {"units": "1", "type": "numeric", "value": self.value}
        return {
            "timestamp": f"{DAY}T12:00:00Z",
            "patient_token": self.token,
            "encounter_token": "",
            **described,
            **kind,
        }

    def canaries(self) -> tuple[Canary, ...]:
        """Return what must be found among the data alone."""
        told = self.description.removeprefix("canary of ")
        return Canary("patient token", self.token), Canary("description", told), Canary("metric value", self.value)

    def added_to(self, days: DayFiles) -> DayFiles:
        """Return the deliveries with the event among those of its day, once its line is written to that day's file."""
        (file,) = (path for path in days.on_time.files if DAY in path.name)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(self.event, separators=(",", ":")) + "\n")
        on_time = replace(days.on_time, rows=days.on_time.rows + 1)
        return replace(days, on_time=on_time, value_sum=days.value_sum + self.value)


def secrets_of(home: SandboxHome) -> tuple[Canary, ...]:
    """Return every password, access key and Kerberos key of the running sandbox, each made at random for it."""
    known = sorted(home.known_secrets().items())
    kept = tuple(Canary(name, value) for name, value in known if not _NOT_SECRET.search(name))
    principals = kdc.SiteRealm(home).realm_file.read()
    return kept + tuple(Canary(f"key of {principal.name}", principal.key) for principal in principals)


def layers(data: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """Yield the bytes, then what is packed in them: gzip anywhere, zlib and zip at the start, base64 of these."""
    yield data
    if depth == 0:
        return
    for inner in _opened(data):
        yield from layers(inner, depth - 1)


def _opened(data: bytes) -> Iterator[bytes]:
    if data[:2] in _ZLIB:
        yield from _inflated(data, zlib.MAX_WBITS)
    if data[:4] == _ZIP:
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from (archive.read(member) for member in archive.infolist())
    start = data.find(_GZIP)
    while start >= 0:
        yield from _inflated(memoryview(data)[start:], zlib.MAX_WBITS | 16)
        start = data.find(_GZIP, start + 1)
    for packed in _PACKED_TEXT.finditer(data):
        with contextlib.suppress(binascii.Error):
            text = packed.group().rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
            yield base64.b64decode(text[: len(text) // 4 * 4])


def _first_words(form: bytes) -> frozenset[int]:
    """Return the form's words at each of the first places; none where it is too short to have them all."""
    if len(form) < 2 * WORD_BYTES - 1:
        return frozenset()
    return frozenset(struct.unpack_from("=Q", form, at)[0] for at in range(WORD_BYTES))


def _inflated(data: bytes | memoryview, bits: int) -> Iterator[bytes]:
    """Yield what opens, also of a stream that is cut off."""
    with contextlib.suppress(zlib.error):
        yield zlib.decompressobj(bits).decompress(data, OPENED_BYTES)


def _number_forms(value: float) -> frozenset[bytes]:
    written = repr(value).encode()
    if len(written) < SHORTEST_BYTES:
        message = "a number of so few digits is not unique"
        raise ValueError(message)
    return frozenset({written, written.hex().encode(), struct.pack(">d", value), struct.pack("<d", value)}) | set(
        _base64_forms(written)
    )


def _text_forms(value: str) -> frozenset[bytes]:
    written = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe="")}
    written |= {quote(value), quote_plus(value)}
    return frozenset(form.encode() for form in written) | {value.encode("utf-16-le"), value.encode("utf-16-be")}


def _base64_forms(raw: bytes) -> Iterable[bytes]:
    """Yield the characters that are the same whatever stands before and after, at each alignment."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        kept = encoded[first:last]
        yield kept
        yield kept.translate(bytes.maketrans(b"+/", b"-_"))
