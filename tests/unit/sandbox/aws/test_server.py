"""The emulator's process: what it leaves behind when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from druid_reindex.sandbox import pki
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import Daemons
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import Emulator, request, shell, until


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_killed_outright_it_leaves_no_process_of_its_clusters(tmp_path: Path) -> None:
    home = SandboxHome(tmp_path / "home", tmp_path / "cache")
    pki.ensure_ca(home)
    spec = service.aws_service(home, daemons=Daemons.NONE)
    assert spec.ready is not None
    with spec.log.open("wb") as log, subprocess.Popen(spec.argv, env=dict(spec.env), stdout=log, stderr=log) as process:
        try:
            until(lambda: str(spec.ready is not None and spec.ready()), "True")
            emr = Emulator(home, None, service.user_environment(home, "airflow")).client("emr")
            pid_file = tmp_path / "pid"
            detached = f"setsid bash -c 'echo $$ > {pid_file}; sleep 1000' & wait"
            emr.run_job_flow(**request(Steps=[shell(detached)], LogUri=None))
            emr.close()
            until(lambda: str(pid_file.exists() and pid_file.read_text().strip().isdigit()), "True")
            pid = int(pid_file.read_text())
            assert is_alive(pid)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    until(lambda: str(is_alive(pid)), "False")
