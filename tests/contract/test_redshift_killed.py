"""The account is killed in the middle of a batch: what was committed stays, the rest is gone, the engine is idle."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from druid_reindex.sandbox import postgres
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import Daemons
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import start
from redshift_account import TARGET, Warehouse, engine

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n"
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'redshift'"


def busy(home: SandboxHome, port: int) -> int:
    with postgres.Database("redshift", postgres.SUPERUSER, port, home).connect() as session, session.cursor() as cursor:
        cursor.execute(BUSY)
        ((count,),) = cursor.fetchall()
        return int(count)


def test_killed_and_started_again_it_lost_nothing_that_was_committed(tmp_path: Path) -> None:
    home = SandboxHome(tmp_path / "home", SandboxHome.from_environment().cache)
    with engine(home) as port:
        first = start(home, Daemons.NONE, postgres_port=port)
        before = Warehouse(home, port, service.user_environment(home, "operator"), {})
        before.run("CREATE TABLE kept (id int)")
        before.run("INSERT INTO kept VALUES (1)")
        sqls = ["INSERT INTO kept VALUES (2)", ENDLESS]
        batch = before.data.batch_execute_statement(Sqls=sqls, **TARGET)["Id"]
        while before.data.describe_statement(Id=batch)["SubStatements"][1]["Status"] != "STARTED":
            time.sleep(0.05)
        before.data.close()
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.stop()
        deadline = time.monotonic() + 20
        while busy(home, port):
            assert time.monotonic() < deadline, "the engine still works for an account that is gone"
            time.sleep(0.2)
        again = start(home, Daemons.NONE, postgres_port=port)
        after = Warehouse(home, port, service.user_environment(home, "operator"), {})
        assert after.rows("SELECT id FROM kept") == [(1,)]
        with pytest.raises(ClientError, match="Query does not exist"):
            after.data.describe_statement(Id=batch)
        after.data.close()
        assert again.process.stop() == 0
