"""A network of a process's own, its packets, and streams put together again: on this machine's kernel."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import capture

TESTS = Path(__file__).parents[1]
WORDS = b"a canary in a coal mine, "
CLIENT, SERVER = ("127.0.0.1", 40000), ("127.0.0.1", 5432)
# A client says 32 MB of secrets to a server in the namespace, and asks what else there is.
TALK = """
import json, os, pathlib, socket, sys, threading
import capture
capture.own_network()
words = sys.argv[2].encode()
with capture.Capture(pathlib.Path(sys.argv[1])) as caught:
    listening = socket.create_server(("127.0.0.1", 0))
    def answer():
        accepted, _ = listening.accept()
        while accepted.recv(2**20):
            pass
    server = threading.Thread(target=answer)
    server.start()
    with socket.create_connection(listening.getsockname()) as client:
        for _ in range(1024):
            client.sendall(words * 1310)
    server.join()
links = sorted(name for _, name in socket.if_nameindex())
print(json.dumps([links, caught.counted.packets, caught.counted.lost, os.geteuid()]))
"""


def segment(sequence: int, content: bytes, flags: int = 0x10, source: tuple[str, int] = CLIENT) -> bytes:
    """An Ethernet frame with a TCP segment of IPv4."""
    target = SERVER if source == CLIENT else CLIENT
    tcp = struct.pack(">HHIIBBHHH", source[1], target[1], sequence, 0, 5 << 4, flags, 0, 0, 0) + content
    addresses = bytes((127, 0, 0, 1)) * 2
    ip = struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(tcp), 0, 0, 64, capture.TCP, 0, addresses)
    return bytes(12) + struct.pack(">H", capture.IPV4) + ip + tcp


def written(file: Path, *frames: bytes) -> Path:
    header = capture.PCAP_HEADER.pack(capture.PCAP_MAGIC, 2, 4, 0, 0, 262_144, capture.LINKTYPE_ETHERNET)
    file.write_bytes(header + b"".join(capture.PCAP_RECORD.pack(0, 0, len(f), len(f)) + f for f in frames))
    return file


def said(file: Path, overlap: int = 0) -> list[bytes]:
    return [content for _, content in capture.streams(file, overlap) if content]


def test_what_is_cut_between_packets_is_whole(tmp_path: Path) -> None:
    file = written(tmp_path / "x", segment(9, b"", capture.SYN), segment(10, b"a can"), segment(15, b"ary"))
    assert said(file) == [b"a canary"]


def test_order_repetition_and_overlap_do_not_matter(tmp_path: Path) -> None:
    frames = (segment(9, b"", capture.SYN), segment(15, b"ary"), segment(10, b"a can"), segment(10, b"a can"))
    file = written(tmp_path / "x", *frames, segment(12, b"canary sings"))
    assert said(file) == [b"a canary sings"]


def test_the_two_directions_are_kept_apart(tmp_path: Path) -> None:
    file = written(tmp_path / "x", segment(10, b"can"), segment(90, b"??", source=SERVER), segment(13, b"ary"))
    assert said(file) == [b"canary", b"??"]


def test_numbers_begin_anew_after_their_last(tmp_path: Path) -> None:
    file = written(tmp_path / "x", segment(2**32 - 3, b"can"), segment(0, b"ary"))
    assert said(file) == [b"canary"]


def test_a_port_that_is_used_again_is_another_connection(tmp_path: Path) -> None:
    first = (segment(9, b"", capture.SYN), segment(10, b"first"))
    file = written(tmp_path / "x", *first, segment(5, b"", capture.SYN), segment(6, b"second"))
    assert said(file) == [b"firstsecond"]


def test_what_follows_a_lost_packet_is_not_lost(tmp_path: Path) -> None:
    file = written(tmp_path / "x", segment(10, b"before"), segment(40, b"a canary"))
    assert said(file) == [b"before", b"a canary"]


def test_pieces_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "CHUNK_BYTES", 4)
    file = written(tmp_path / "x", segment(10, b"a can"), segment(15, b"ary"))
    assert said(file, overlap=5) == [b"a can", b"a canary", b"anary"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(24))
    with pytest.raises(ValueError, match="no pcap file"):
        next(capture.packets(tmp_path / "x"))


def test_every_byte_on_a_loopback_of_its_own_is_caught(tmp_path: Path) -> None:
    """Also when an ordinary user runs the tests: nothing here needs a privilege."""
    command = [sys.executable, "-c", TALK, str(tmp_path / "caught"), WORDS.decode()]
    done = subprocess.run(
        command, cwd=TESTS, env={"PYTHONPATH": str(TESTS)}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    links, packets, lost, _ = json.loads(done.stdout)
    assert (links, lost) == (["lo"], 0)
    assert packets > 500
    caught: dict[capture.Direction, bytes] = {}
    for direction, content in capture.streams(tmp_path / "caught"):
        caught[direction] = caught.get(direction, b"") + content
    assert sorted(caught.values(), key=len) == [b"", WORDS * 1310 * 1024]


def test_it_says_what_a_machine_without_namespaces_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def unshare(self, _flags: int) -> int:
            return -1

    monkeypatch.setattr(capture.ctypes, "CDLL", lambda *_, **__: Refusing())
    with pytest.raises(capture.NoNamespaceError, match="CAP_SYS_ADMIN"):
        capture.own_network()
