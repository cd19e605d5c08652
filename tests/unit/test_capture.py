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
TIMES = 4096
CLIENT, SERVER = ("127.0.0.1", 40000), ("127.0.0.1", 5432)
# A client says 128 MB of secrets to a server in the namespace, four times what the ring holds, on a busy machine.
TALK = """
import json, os, pathlib, socket, subprocess, sys, threading
import capture
capture.own_network()
words = sys.argv[2].encode()
others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count())]
with capture.Capture(pathlib.Path(sys.argv[1]), blocks=8) as caught:
    listening = socket.create_server(("127.0.0.1", 0))
    def answer():
        accepted, _ = listening.accept()
        while accepted.recv(2**20):
            pass
    server = threading.Thread(target=answer)
    server.start()
    with socket.create_connection(listening.getsockname()) as client:
        for _ in range(int(sys.argv[3])):
            client.sendall(words * 1310)
    server.join()
for each in others:
    each.kill()
    each.wait()
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


def block(*frames: bytes, cut: int = 0) -> bytes:
    """What the kernel fills with these; of each it left out the last bytes."""
    start, header = capture.PACKET.size, capture.BLOCK.size
    kept = [(len(frame), frame[: len(frame) - cut]) for frame in frames]
    found = b"".join(
        capture.PACKET.pack(start + len(frame), 0, 0, len(frame), length, 0, start) + frame for length, frame in kept
    )
    return capture.BLOCK.pack(capture.TPACKET_V3, 0, 1, len(frames), header, header + len(found)) + found


def written(file: Path, *frames: bytes) -> Path:
    """A capture of two blocks."""
    file.write_bytes(block(*frames[:1]) + block(*frames[1:]))
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


def test_nobody_waits_for_long_for_a_lost_packet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "EARLY_SEGMENTS", 2)
    far = [segment((2**32 - 5 + 3 * number) % 2**32, word) for number, word in enumerate((b"a c", b"ana", b"ry "))]
    file = written(tmp_path / "x", segment(2**32 - 20, b"before"), *far, segment(4, b"sings"))
    assert said(file) == [b"beforea canary sings"]


def test_pieces_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "CHUNK_BYTES", 4)
    file = written(tmp_path / "x", segment(10, b"a can"), segment(15, b"ary"))
    assert said(file, overlap=5) == [b"a can", b"a canary", b"anary"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(24))
    with pytest.raises(ValueError, match="no capture"):
        next(capture.packets(tmp_path / "x"))


def test_a_packet_that_was_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(block(segment(10, b"a canary"), cut=3))
    with pytest.raises(ValueError, match="of a packet of 62"):
        next(capture.packets(tmp_path / "x"))


def test_every_byte_on_a_loopback_of_its_own_is_caught(tmp_path: Path) -> None:
    """Also on a busy machine, and when an ordinary user runs the tests: nothing here needs a privilege."""
    command = [sys.executable, "-c", TALK, str(tmp_path / "caught"), WORDS.decode(), str(TIMES)]
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
    assert sorted(caught.values(), key=len) == [b"", WORDS * 1310 * TIMES]


def test_it_says_what_a_machine_without_namespaces_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def unshare(self, _flags: int) -> int:
            return -1

    monkeypatch.setattr(capture.ctypes, "CDLL", lambda *_, **__: Refusing())
    with pytest.raises(capture.NoNamespaceError, match="CAP_SYS_ADMIN"):
        capture.own_network()
