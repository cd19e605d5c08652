"""A canary is found in whatever form it lies, and nothing else is taken for one."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest

from canaries import Canary, Hunt, Planted, secrets_of
from druid_reindex.sandbox.events import DayFiles, Delivery
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.kdc import SiteRealm
from druid_reindex.sandbox.kerberos import Principal

TEXT = 'Körper "mass" & more/less'
KEY = bytes(range(200, 232))
NUMBER = 734512.8391
HUNT = Hunt((Canary("text", TEXT), Canary("key", KEY), Canary("number", NUMBER)))
WORDS = TEXT.encode()


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", content)
    return packed.getvalue()


FORMS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "JSON": lambda text: json.dumps({"a": text}).encode(),
    "JSON with every character": lambda text: json.dumps({"a": text}, ensure_ascii=False).encode(),
    "URL": lambda text: quote(text).encode(),
    "URL, slashes too": lambda text: quote(text, safe="").encode(),
    "form": lambda text: urlencode({"a": text}).encode(),
    "query": lambda text: quote_plus(text).encode(),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "UTF-16, small end first": lambda text: text.encode("utf-16"),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "hexadecimal, capitals": lambda text: text.encode().hex().upper().encode(),
    "pickle": lambda text: pickle.dumps({"a": [text]}),
    "pickle of an old protocol": lambda text: pickle.dumps({"a": [text]}, protocol=2),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip after a header": lambda text: b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(text.encode()),
    "zlib": lambda text: zlib.compress(text.encode()),
    "zip": lambda text: zipped(text.encode()),
    "zip of a zip": lambda text: zipped(zipped(text.encode())),
    "base64 of gzip": lambda text: b'{"a": "' + base64.b64encode(gzip.compress(text.encode())) + b'"}',
    "base64 of zlib": lambda text: b"x=" + base64.urlsafe_b64encode(zlib.compress(text.encode() * 3)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_text_is_found_in_each_form(form: str) -> None:
    assert HUNT.within(FORMS[form](TEXT)) == {"text"}


@pytest.mark.parametrize("before", range(5))
def test_base64_is_found_at_each_alignment(before: int) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert HUNT.within(encode(b"\xff" * before + WORDS + b"after")) == {"text"}
        assert HUNT.within(encode(b"\xff" * before + KEY + b"after")) == {"key"}


@pytest.mark.parametrize("before", range(9))
def test_every_form_is_found_wherever_it_begins_and_ends(before: int) -> None:
    for form, name in HUNT.forms:
        for after in range(9):
            assert name in HUNT.within(b"\xff" * before + form + b"\xff" * after)


def test_a_key_is_found_as_bytes_and_as_digits() -> None:
    assert [HUNT.within(form) for form in (KEY, KEY.hex().encode(), KEY.hex().upper().encode())] == [{"key"}] * 3


@pytest.mark.parametrize(
    "packed", [struct.pack(">d", NUMBER), struct.pack("<d", NUMBER), b"v=734512.8391,", b"[734512.8391]"]
)
def test_a_number_is_found_as_text_and_as_a_double(packed: bytes) -> None:
    assert HUNT.within(packed) == {"number"}


def test_what_is_cut_off_is_opened_as_far_as_it_goes() -> None:
    packed = gzip.compress(WORDS + os.urandom(5000))
    assert HUNT.within(packed[:4000]) == {"text"}


def test_nothing_is_found_where_there_is_nothing() -> None:
    noise = os.urandom(2**20) + b"Korper mass & more 734512.839" + gzip.compress(b"Korper")
    assert HUNT.within(noise) == set()


@pytest.mark.parametrize("value", ["short", b"seven77", 0.5])
def test_what_could_be_there_by_accident_is_no_canary(value: str | bytes | float) -> None:
    with pytest.raises(ValueError, match=r"unique"):
        Hunt((Canary("it", value),))


def test_its_value_is_in_no_message() -> None:
    assert TEXT not in repr(HUNT)
    assert HUNT.longest >= 2 * len(WORDS)


def test_a_planted_patient_is_delivered_on_one_day_and_counted(tmp_path: Path) -> None:
    files = tuple(tmp_path / f"vitals-2026-10-0{day}.json" for day in (4, 5))
    for file in files:
        file.write_text("{}\n")
    planted = Planted.fresh()
    days = planted.added_to(DayFiles(Delivery("a", files, 2), Delivery("b", (), 0), 1.0))
    assert (days.rows, days.value_sum) == (3, 1.0 + planted.value)
    assert files[0].read_text() == "{}\n"
    assert json.loads(files[1].read_text().splitlines()[1]) == planted.event
    assert Hunt(planted.canaries()).within(files[1].read_bytes()) == {"patient token", "description", "metric value"}
    assert len(repr(planted.value)) == len("734512.8391")
    assert Planted.fresh() != planted


def test_every_secret_of_a_home_is_a_canary(tmp_path: Path) -> None:
    home = SandboxHome(tmp_path, tmp_path)
    password = home.secret("postgres_druid_password")
    home.keep_secrets(
        {"aws_druid_access_key_id": "AKIAAAAAAAAA", "druid-reindex/metadata": json.dumps({"p": password})}
    )
    realm = SiteRealm(home).realm_file
    realm.create()
    druid = Principal.random("druid@SITE.INTERNAL")
    realm.add(druid)
    found = {canary.name: canary.value for canary in secrets_of(home)}
    assert found.pop("key of krbtgt/SITE.INTERNAL@SITE.INTERNAL")
    assert found == {"postgres_druid_password": password, "key of druid@SITE.INTERNAL": druid.key}
