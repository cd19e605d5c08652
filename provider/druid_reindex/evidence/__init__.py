"""Tells what became of a night, and whether AWS's own record agrees.

Two things are told. The state of a run: what was read of Airflow, Druid, EMR and S3, each part as its own value or as
``Unread`` → a ``NightState`` (``night_state``) → the text that the command line, the failure message and Airflow's UI
show alike (``render``), with the next command that cannot do harm (``safe_next``). And CloudTrail: a trail's digests
and log files as bytes → which of them are whole (``trail_chain``, ``trail_log``), the events in them that mention a
run's keys (``trail_search``), whose they are (``attribution``), and a journal of calls laid beside them, both ways
(``reconcile``).

May import ``model`` and ``errors``; of others' packages ``msgspec``, ``cryptography``, ``deflate`` and ``hyperscan``.
Pure: whoever gathers the facts and reads the files sits above.

What it costs: a fact that the state has no field for is not told, and a command that is renamed is renamed here too; an
event's field that ``trail_event`` does not name is not seen.
"""
