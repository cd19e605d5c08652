"""The process list of a sandbox, looked at again and again: all command lines and variables that were ever seen."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from druid_reindex.sandbox.guard import descendants
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.state import supervisor_pid

# A step's `aws` lives for a second.
LOOK_SECONDS = 0.25


@dataclass
class Census:
    """Command lines, and variables with the kind of process that had them; each once."""

    lines: set[bytes] = field(default_factory=set)
    variables: set[tuple[str, bytes]] = field(default_factory=set)

    @contextlib.contextmanager
    def taken(self, home: SandboxHome) -> Iterator[None]:
        """Look while the block runs, and once at its end."""
        done = threading.Event()

        def look_on() -> None:
            while not done.wait(LOOK_SECONDS):
                self.look(home)

        thread = threading.Thread(target=look_on)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.look(home)

    def look(self, home: SandboxHome) -> None:
        """Look at every process once: what the supervisor started, and whatever else names the sandbox."""
        supervisor, root = supervisor_pid(home), str(home.root).encode()
        below = descendants(supervisor) if supervisor else set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                    line, environment = line_and_environment(entry)
                    if int(entry.name) in below or root in line + environment:
                        self._add(line, environment)

    def _add(self, line: bytes, environment: bytes) -> None:
        self.lines.add(line.replace(b"\0", b" "))
        kind = kind_of(line)
        self.variables.update((kind, each) for each in environment.split(b"\0") if each)


def line_and_environment(entry: Path) -> tuple[bytes, bytes]:
    """Return both of one program: read again when the process became another one in between."""
    while True:
        line, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        if (entry / "cmdline").read_bytes() == line:
            return line, environment


def kind_of(line: bytes) -> str:
    """Return whose process it is: Airflow's write a title over their command line.

    Java starts a process through a helper of its own, which has the environment until the program takes its place.
    Here it is Druid alone that starts processes with passwords in their environment from Java: its peons.
    """
    if b"\0org.apache.druid.cli.Main\0" in line or line.partition(b"\0")[0].endswith(b"/jspawnhelper"):
        return "druid"
    if line.startswith(b"airflow ") or b"\0-m\0airflow\0" in line:
        return "airflow"
    return "another"
