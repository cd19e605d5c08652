"""The most memory that each process below a command ever had."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import psutil

_LOOK_SECONDS = 0.05


def peak_mb(pid: int) -> float:
    """The most resident memory that the process had, since it began or since ``forget``; 0 when it is gone."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def forget(pid: int) -> None:
    """Count the process's most memory from now on. Source: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peaks(command: list[str], environment: Mapping[str, str] | None = None) -> tuple[dict[str, float], str]:
    """The most megabytes that any process of each program had, by the program's name, and what the command printed."""
    started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    found: dict[int, tuple[str, float]] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            try:
                root = psutil.Process(started.pid)
                for each in [root, *root.children(recursive=True)]:
                    found[each.pid] = (each.name(), peak_mb(each.pid) or found.get(each.pid, ("", 0.0))[1])
            except psutil.NoSuchProcess:
                continue

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    output, _ = started.communicate()
    over.set()
    looking.join()
    assert started.returncode == 0, (command, started.returncode)
    most: dict[str, float] = {}
    for name, megabytes in found.values():
        most[name] = max(megabytes, most.get(name, 0.0))
    return most, output
