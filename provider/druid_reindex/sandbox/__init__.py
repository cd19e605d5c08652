"""An AWS account and a Druid/Hadoop cluster on one machine, so that the product's main job runs for real.

In: package registries (Maven Central, PyPI) through their own clients. Out: `stack.Endpoints`, the addresses and
credentials that take the place of AWS's and Druid's. The rest of the product does not know the difference: only
endpoints move. May import `clients` and everything below it, moto, boto3 and psycopg2; only `cli` imports this room.

How it holds together: every path lives under one `SandboxHome`; every process is started through `guard.py`, which
ends the process and all its descendants when it is asked to, and when its owner dies; every socket is on loopback
and, towards the emulated AWS, under TLS of a CA made on this machine. A supervisor daemon (`supervisor.py`) owns the
services; `stack.py` starts, asks and stops it.

A cluster whose security configuration says so is kerberized: its own KDC, or the site's (`kdc.py`), which Druid's peons
log in to; RPC, block transfer, shuffle and web interfaces encrypted by its certificates. One operating-system user runs
all of it, so that tickets keep clients apart, and file permissions of this machine do not.

What it costs: about 1.3 GB of downloads once, 2-3 GB of memory, and the honesty to say which parts are real (Druid,
ZooKeeper, PostgreSQL, HDFS, YARN, Kerberos) and which are emulated (everything named AWS).
"""
