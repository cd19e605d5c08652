"""Decides: a pipeline and Druid's timeline go in, frozen payloads come out. Pure; nothing here can reach a network.

In → out: used ``Segment``s → the sets Druid could serve (``partitions``) → the pieces that it does serve
(``timeline``) → the time chunks they fill and what is wrong with each (``chunks``) → a ``NightPlan`` of ``night``
(``planner``). A batch of it → an ``index_hadoop`` task or a CLI spec (``hadoop``); a run → a RunJobFlow request and its
steps (``emr``); a plan ↔ canonical JSON (``document``); a run → every external name (``names``). May import ``model``
and ``errors``.

What it costs: Druid's rules of visibility are written here a second time, and facts that arrive after planning
(another version, a lock) are not seen; whoever carries the plan out must notice them. The Overlord refuses a task whose
listed segments changed, and ``validate`` looks again. The timeline has no memory, so a chunk that is one complete
partition set counts as some job's decision and is chosen again only when it is far from its target: a rebuild settles a
chunk, at the price of leaving a middling one alone.
"""
