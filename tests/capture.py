"""A network of this process's own, and every packet that crosses its loopback.

`own_network` moves the process, and all that it starts afterwards, into a network namespace with nothing in it but
loopback: by a user namespace of its own, which needs no privilege, or directly where we are root. In there it may open
a packet socket. `Capture` keeps what passes, as the blocks that the kernel fills, so that keeping costs one copy and
nothing is lost on a busy machine; `streams` puts each direction of each TCP connection together again, so that a value
that was cut between packets is whole.
Sources: https://man7.org/linux/man-pages/man7/user_namespaces.7.html, https://man7.org/linux/man-pages/man7/packet.7.html,
https://docs.kernel.org/networking/packet_mmap.html
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import queue
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
ETH_P_ALL, SOL_PACKET = 0x0003, 263
PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_IGNORE_OUTGOING = 5, 6, 10, 23
TPACKET_V3, TP_STATUS_USER = 2, 1
BLOCK_BYTES, BLOCKS, FRAME_BYTES, RETIRE_MILLISECONDS = 2**22, 96, 2**11, 50
# What waits for the disk, beside the ring; and how long the last of it may take.
WAITING_BLOCKS, STOPPED_SECONDS = 256, 120.0
# The writer's priority where it may have one; else everybody else of the network takes a lesser one.
FIRST, LATER = -20, 10
# struct tpacket_block_desc: version, offset, status, packets, where the first is, bytes. struct tpacket3_hdr: where the
# next is, seconds, nanoseconds, bytes kept, bytes that there were, status, where they are.
BLOCK, PACKET = struct.Struct("6I"), struct.Struct("6IH")
# So many ahead of their turn: what they wait for was lost.
EARLY_SEGMENTS = 1000
ETHERNET_BYTES, IPV4, IPV6, TCP = 14, 0x0800, 0x86DD, 6
CHUNK_BYTES = 2**22
SYN = 0x02

Address = tuple[bytes, int]
Direction = tuple[Address, Address]


class NoNamespaceError(RuntimeError):
    """This machine gives the process no network of its own."""


def own_network() -> None:
    """Move this process, which has one thread, into a network of its own. Raises NoNamespaceError that says why not."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET if user == 0 else CLONE_NEWUSER | CLONE_NEWNET) != 0:
        came_back = os.strerror(ctypes.get_errno())
        message = (
            f"no network namespace for user {user}: {came_back}. As root this needs CAP_SYS_ADMIN; as another user "
            "sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 where there is such a "
            "setting, and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0"
        )
        raise NoNamespaceError(message)
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))


@dataclass(frozen=True)
class Counted:
    """How many packets passed, and how many of them the kernel could not keep."""

    packets: int
    lost: int


@dataclass
class Capture:
    """Every packet of loopback, in `file`, while the block runs; `counted` is there when it is over."""

    file: Path
    blocks: int = BLOCKS
    counted: Counted | None = None

    def __enter__(self) -> Self:
        self._socket = _packet_socket(self.blocks)
        command = (sys.executable, "-I", __file__, str(self._socket.fileno()), str(self.blocks), str(self.file))
        self._writer = subprocess.Popen(command, pass_fds=(self._socket.fileno(),), stdout=subprocess.PIPE)
        assert self._writer.stdout is not None
        assert self._writer.stdout.readline() == b"capturing\n"
        if os.getpriority(os.PRIO_PROCESS, self._writer.pid) >= os.getpriority(os.PRIO_PROCESS, 0):
            os.nice(LATER)
        return self

    def __exit__(self, *_: object) -> None:
        # What was sent before is in the ring; its last block is handed over within RETIRE_MILLISECONDS.
        time.sleep(4 * RETIRE_MILLISECONDS / 1000)
        self._writer.send_signal(signal.SIGTERM)
        try:
            told, _ = self._writer.communicate(timeout=STOPPED_SECONDS)
        finally:
            self._writer.kill()
            self._socket.close()
        self.counted = Counted(*map(int, told.split()))


@dataclass
class _Half:
    """One direction of a connection: what is next, what came early, and what nobody has taken yet."""

    next: int | None = None
    early: dict[int, bytes] = field(default_factory=dict)
    ready: bytearray = field(default_factory=bytearray)

    def take(self, sequence: int, flags: int, content: bytes) -> None:
        """Put the segment where it belongs; what was there before is not taken twice."""
        if flags & SYN:
            self.next, self.early = (sequence + 1) % 2**32, {}
            return
        if self.next is None:
            self.next = sequence
        if content:
            self.early[sequence] = max(content, self.early.get(sequence, b""), key=len)
        if len(self.early) > EARLY_SEGMENTS:
            self.next = min(self.early, key=lambda early: (early - (self.next or 0)) % 2**32)
        while (found := self._following()) is not None:
            self.ready += found
            self.next = (self.next + len(found)) % 2**32

    def _following(self) -> bytes | None:
        """Return the next bytes, without those that were sent before."""
        assert self.next is not None
        for sequence in list(self.early):
            behind = (self.next - sequence) % 2**32
            if behind < 2**31:
                content = self.early.pop(sequence)
                if behind < len(content):
                    return content[behind:]
        return None


def streams(file: Path, overlap: int = 0) -> Iterator[tuple[Direction, bytes]]:
    """Yield each direction's bytes in pieces, each with the last `overlap` bytes of the one before it.

    What stands behind a packet that was lost follows without it.
    """
    halves: dict[Direction, _Half] = {}
    for packet in packets(file):
        segment = _tcp(packet)
        if segment is None:
            continue
        direction, sequence, flags, content = segment
        half = halves.setdefault(direction, _Half())
        half.take(sequence, flags, content)
        if len(half.ready) >= CHUNK_BYTES:
            yield direction, bytes(half.ready)
            half.ready = half.ready[len(half.ready) - overlap :]
    for direction, half in halves.items():
        yield direction, bytes(half.ready)
        for content in half.early.values():
            yield direction, content


def packets(file: Path) -> Iterator[bytes]:
    """Yield the packets of a capture. Raises ValueError for another kind of file, and for a packet that was cut."""
    with file.open("rb") as stream:
        while header := stream.read(BLOCK.size):
            version, _, _, count, at, size = BLOCK.unpack(header)
            if version != TPACKET_V3:
                message = f"{file} is no capture"
                raise ValueError(message)
            block = header + stream.read(size - BLOCK.size)
            for _ in range(count):
                following, _, _, kept, length, _, start = PACKET.unpack_from(block, at)
                if kept != length:
                    message = f"{file} has {kept} bytes of a packet of {length}"
                    raise ValueError(message)
                yield block[at + start : at + start + kept]
                at += following


def _tcp(packet: bytes) -> tuple[Direction, int, int, bytes] | None:
    """Return who sends to whom, the sequence number, flags and content; None for what is not TCP."""
    (kind,) = struct.unpack_from(">H", packet, 12)
    datagram = memoryview(packet)[ETHERNET_BYTES:]
    if kind == IPV4 and datagram[9] == TCP:
        start, end = (datagram[0] & 0x0F) * 4, struct.unpack_from(">H", datagram, 2)[0] or len(datagram)
        source, target = bytes(datagram[12:16]), bytes(datagram[16:20])
    elif kind == IPV6 and datagram[6] == TCP:
        start, end = 40, 40 + struct.unpack_from(">H", datagram, 4)[0]
        source, target = bytes(datagram[8:24]), bytes(datagram[24:40])
    else:
        return None
    segment = datagram[start:end]
    source_port, target_port, sequence = struct.unpack_from(">HHI", segment)
    content = bytes(segment[(segment[12] >> 4) * 4 :])
    return ((source, source_port), (target, target_port)), sequence, segment[13], content


def _packet_socket(blocks: int) -> socket.socket:
    """Return a socket with a ring that every packet of loopback falls into once."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
    frames = BLOCK_BYTES // FRAME_BYTES * blocks
    ring = struct.pack("7I", BLOCK_BYTES, blocks, FRAME_BYTES, frames, RETIRE_MILLISECONDS, 0, 0)
    opened.setsockopt(SOL_PACKET, PACKET_RX_RING, ring)
    opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    opened.bind(("lo", ETH_P_ALL))
    return opened


def _keep(opened: socket.socket, blocks: int, kept: queue.Queue[bytes]) -> None:
    """Empty the ring, block by block, until SIGTERM."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    ring = mmap.mmap(opened.fileno(), BLOCK_BYTES * blocks)
    waiting = select.poll()
    waiting.register(opened, select.POLLIN)
    sys.stdout.write("capturing\n")
    sys.stdout.flush()
    number = 0
    while True:
        at = number % blocks * BLOCK_BYTES
        _, _, status, _, _, size = BLOCK.unpack_from(ring, at)
        if status & TP_STATUS_USER:
            kept.put(ring[at : at + size])
            struct.pack_into("I", ring, at + 8, 0)
            number += 1
        elif stopped:
            return
        else:
            waiting.poll(RETIRE_MILLISECONDS)


def _write(kept: queue.Queue[bytes], stream: BinaryIO) -> None:
    """Write blocks until there comes an empty one: a disk that is slow for a while holds up no packet."""
    while block := kept.get():
        stream.write(block)


def _main(descriptor: int, blocks: int, file: str) -> None:
    """Write the ring of the inherited socket into the file until SIGTERM; then tell how many packets there were."""
    opened, kept = socket.socket(fileno=descriptor), queue.Queue[bytes](WAITING_BLOCKS)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    with Path(file).open("wb") as stream:
        writer = threading.Thread(target=_write, args=(kept, stream))
        writer.start()
        _keep(opened, blocks, kept)
        kept.put(b"")
        writer.join()
    passed, lost, _ = struct.unpack("III", opened.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12))
    sys.stdout.write(f"{passed} {lost}\n")


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
