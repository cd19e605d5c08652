"""The hits of a search are those of a full parse, whatever a log file looks like."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.evidence.trail_search import NotATrailError, Searcher
from trail_account import event, log_text

BUCKET = "drx-phi-111122223333"
SESSION = "drx1.0a1b2c3d.1"
OBJECT = f"arn:aws:s3:::{BUCKET}/druid/segments/x"
KEYS = frozenset({"00000000000000AA", "ASIA0000000000000042", SESSION, BUCKET, OBJECT, "key/11111111-1111"})
SEARCHER = Searcher(KEYS)


def texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, inner in value.items():
                yield name
                yield from texts(inner)
        case list():
            for inner in value:
                yield from texts(inner)


def fully_parsed(text: bytes, keys: frozenset[str] = KEYS) -> list[str]:
    records = json.loads(text)["Records"]
    return [each["eventID"] for each in records if any(key in one for one in texts(each) for key in keys)]


def same(text: bytes, keys: frozenset[str] = KEYS) -> list[str]:
    """The ids of the hits, once they are those of a full parse."""
    found = [each.event_id for each in Searcher(keys).hits(text)]
    assert found == fully_parsed(text, keys)
    return found


HITS = [
    event(1, requestID="00000000000000AA"),
    event(2, userIdentity={"type": "AssumedRole", "accessKeyId": "ASIA0000000000000042"}),
    event(3, userIdentity={"type": "AssumedRole", "arn": f"arn:aws:sts::1:assumed-role/R/{SESSION}"}),
    event(4, requestParameters={"bucketName": BUCKET}),
    event(5, resources=[{"ARN": OBJECT}]),
    event(6, requestParameters={"encryptionContext": {"aws:s3:arn": f"arn:aws:s3:::{BUCKET}"}}),
    event(7, requestParameters={"keyId": "arn:aws:kms:us-east-1:1:key/11111111-1111"}),
    event(8, requestParameters={"deep": [[{"a": [{BUCKET: None}]}]]}),
]
MIXED = [event(100), *(each for hit in HITS for each in (hit, event(int(hit["requestID"], 16) + 200))), event(101)]


def escaped(text: bytes, characters: str) -> bytes:
    """``text`` with every such character written as an escape, as JSON may."""
    for each in characters:
        text = text.replace(each.encode(), f"\\u{ord(each):04x}".encode())
    return text


def test_compact_pretty_and_odd_spacing() -> None:
    assert len(same(log_text(*MIXED))) == len(HITS)
    assert len(same(json.dumps({"Records": MIXED}, indent=4).encode())) == len(HITS)
    assert len(same(json.dumps({"Records": MIXED}, indent="\t\r\n ", separators=(" ,", " : ")).encode())) == len(HITS)
    assert len(same(b" \n" + log_text(*MIXED) + b"\n\n")) == len(HITS)


def test_slashes_written_with_a_backslash_all_or_some() -> None:
    text = log_text(*MIXED)
    assert len(same(text.replace(b"/", b"\\/"))) == len(HITS)
    assert len(same(text.replace(b"druid/", b"druid\\/"))) == len(HITS)


@pytest.mark.parametrize("characters", ["S", "d", "-", "/", "0A", "d1-/kA"])
def test_escapes(characters: str) -> None:
    assert len(same(escaped(log_text(*MIXED), characters))) == len(HITS)
    upper = escaped(log_text(*MIXED), characters).replace(b"\\u002d", b"\\u002D")
    assert len(same(upper)) == len(HITS)


def test_reordered_keys() -> None:
    shuffled = []
    for each in MIXED:
        names = list(each)
        random.Random(each["eventID"]).shuffle(names)
        shuffled.append({name: each[name] for name in names})
    assert len(same(log_text(*shuffled))) == len(HITS)
    assert len(same(json.dumps({"more": [1], "Records": MIXED, "last": "Records"}).encode())) == len(HITS)
    assert len(same(json.dumps({"Records[": ["{"], "Records": MIXED}).encode())) == len(HITS)


def test_records_twice_the_last_counts() -> None:
    once, again = json.dumps(MIXED), json.dumps(MIXED[::-1])
    assert len(same(f'{{"Records":{once},"Records":{again}}}'.encode())) == len(HITS)
    assert len(same(f'{{"Records":{once},"Records":[]}}'.encode())) == 0


def test_look_alikes_inside_a_record_are_no_records() -> None:
    inner = [event(900 + n, requestID="00000000000000AA") for n in range(5)]
    outer = event(50, requestParameters={"events": inner, "text": json.dumps({"Records": inner})})
    told = event(51, userAgent='},{"eventVersion":"1.09","requestID":"00000000000000AA"},{"eventVersion":"')
    harmless = event(52, userAgent='"},{"eventVersion":"1.11"')
    assert same(log_text(event(49), outer, told, harmless)) == [outer["eventID"], told["eventID"]]


def test_what_only_looks_like_a_key_is_none() -> None:
    near = [
        event(1, requestID="00000000000000A"), event(2, userAgent="drx-phi-11112222333"),
        event(3, userAgent="DRX-PHI-111122223333"), event(4, userAgent="key\\/11111111-1111"),
        event(5, userAgent="\\u0041 and nothing else"), event(6, userAgent="drx-phi-\\u003111122223333"),
        event(7, userAgent="00000000000000", sourceIPAddress="AA"), event(8, count=111122223333),
    ]  # fmt: skip
    assert same(log_text(*near)) == []


def test_keys_of_other_characters() -> None:
    keys = frozenset({'a "quoted" key', "back\\slash", "Prüfung/ä", "line\nbreak", "\U0001d518"})
    events = [event(n, userAgent=f"see {key}.") for n, key in enumerate(sorted(keys))]
    assert len(same(log_text(*events, event(9)), keys)) == 5
    plain = json.dumps({"Records": [*events, event(9)]}, ensure_ascii=False).encode()
    assert len(same(plain, keys)) == 5
    assert len(same(plain.replace(b"/", b"\\/"), keys)) == 5


def test_one_array_of_sixty_megabytes() -> None:
    many = [event(1_000_000 + n) for n in range(70_000)]
    for place in (0, 35_000, 69_999):
        many[place] = event(place, requestID="00000000000000AA")
    text = log_text(*many)
    assert len(text) > 60_000_000
    assert same(text) == [many[place]["eventID"] for place in (0, 35_000, 69_999)]


def test_one_record_of_megabytes() -> None:
    big = event(1, requestParameters={"list": [event(n, requestID="00000000000000AA") for n in range(5_000)]})
    assert same(log_text(event(0), big, event(2))) == [big["eventID"]]


def test_nothing_in_it() -> None:
    assert same(b'{"Records":[]}') == []
    assert same(log_text(event(1))) == []


@pytest.mark.parametrize(
    "text",
    [
        log_text(HITS[0])[:-3], b"00000000000000AA", b'{"Records":"00000000000000AA"}', b'["00000000000000AA"]',
        b'{"Records":[{"eventID":"00000000000000AA"}]}', b'{"Records":["00000000000000AA"]}',
        log_text(HITS[0]).replace(b"GetObject", b"Get\xffObject"), log_text(HITS[0] | {"eventTime": "2026-11-21"}),
    ],
)  # fmt: skip
def test_what_is_no_log_is_refused(text: bytes) -> None:
    with pytest.raises(NotATrailError):
        SEARCHER.hits(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([*sorted(KEYS), "{", "}", '"', "\\", "[", "],["])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=5), st.booleans(), st.sampled_from([None, 1]), st.booleans())
def test_whatever_the_records_hold(values: list[Any], ascii_only: bool, indent: int | None, slashes: bool) -> None:
    events = [event(n, requestParameters=value) for n, value in enumerate(values)]
    text = json.dumps({"Records": events}, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    same(text.replace(b"/", b"\\/") if slashes else text)
