"""Decides: a pipeline and Druid's timeline go in, frozen payloads come out. Pure; nothing here can reach a network.

In → out: ``Pipeline``, ``Segment``s and a window → ``NightPlan`` (``planner``, on ``timeline``); a batch of it → an
``index_hadoop`` task or a CLI spec (``hadoop``); a run → a RunJobFlow request and its steps (``emr``); a plan ↔
canonical JSON (``document``); a run → every external name (``names``). May import ``model`` and ``errors``.

What it costs: facts that arrive after planning (another version, a lock) are not seen here; whoever carries the plan
out must notice them. The Overlord refuses a task whose listed segments changed, and ``validate`` looks again.
"""
