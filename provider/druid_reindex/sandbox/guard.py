"""Runs one command and outlives neither its owner nor lets any descendant of the command outlive itself.

Started as a script by `processes.py` with the standard library alone, because one of these stays resident for each
service (and without `pathlib`, which would be a tenth of its memory). The guard is the subreaper of everything below
it: a descendant that detaches itself is adopted, not lost.

- SIGTERM: the stop signal goes to the command; what is left after the stop time is killed.
- The owner (the thread that started the guard) dies: everything is killed at once.
- The command ends: what it left behind is killed, and the guard ends with the command's exit status.

Source: https://man7.org/linux/man-pages/man2/prctl.2.html (PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER)
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
OWNER_DIED = signal.SIGUSR1
WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, OWNER_DIED}
KILL_SECONDS = 10.0


def become_subreaper() -> None:
    """Make this process the parent of every descendant whose own parent dies. Raises OSError where Linux refuses."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def descendants(root: int) -> set[int]:
    """Return the pids of everything that `root` started, directly or not, zombies included."""
    children: dict[int, list[int]] = {}
    with os.scandir("/proc") as entries:
        pids = [entry.name for entry in entries if entry.name.isdigit()]
    for pid in pids:
        children.setdefault(_parent(pid), []).append(int(pid))
    found: set[int] = set()
    frontier = [root]
    while frontier:
        new = [child for child in children.get(frontier.pop(), ()) if child not in found]
        found.update(new)
        frontier.extend(new)
    return found


def kill_descendants(seconds: float = KILL_SECONDS) -> set[int]:
    """Kill and reap everything below this process; return what is still there after `seconds`.

    For a subreaper the answer is empty unless the kernel holds a process in an uninterruptible call.
    """
    deadline = time.monotonic() + seconds
    while (alive := descendants(os.getpid())) and time.monotonic() < deadline:
        for pid in alive:
            _send(pid, signal.SIGKILL)
        while _reap() is not None:
            pass
        time.sleep(0.02)
    return alive


def main(arguments: list[str]) -> int:
    """Run `OWNER STOP_SIGNAL STOP_SECONDS COMMAND...`; return the command's exit status (128 + signal if killed)."""
    owner, stop_signal, stop_seconds, *command = arguments
    _prctl(PR_SET_PDEATHSIG, OWNER_DIED)
    become_subreaper()
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    if os.getppid() != int(owner):
        return 128 + OWNER_DIED
    child = _spawn(command)
    status = _watch(child, signal.Signals(int(stop_signal)), float(stop_seconds))
    kill_descendants()
    return status


def _watch(child: int, stop_signal: signal.Signals, stop_seconds: float) -> int:
    deadline: float | None = None
    while True:
        while (reaped := _reap()) is not None:
            if reaped[0] == child:
                return _exit_status(reaped[1])
        left = 3600.0 if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return 128 + signal.SIGKILL
        received = signal.sigtimedwait(WATCHED, left)
        if received is None or received.si_signo == signal.SIGCHLD:
            continue
        if received.si_signo == OWNER_DIED:
            return 128 + OWNER_DIED
        if deadline is None:
            deadline = time.monotonic() + stop_seconds
            _send(child, stop_signal)


def _spawn(command: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        # A shell's background jobs ignore SIGINT, and hand that down to everything they start.
        for number in WATCHED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error}\n")
        sys.stderr.flush()
        os._exit(127)


def _reap() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as handle:  # noqa: PTH123
            return int(handle.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
