"""Decides: a pipeline and Druid's timeline go in, frozen payloads come out. Pure; nothing here can reach a network.

In → out: used ``Segment``s → the sets Druid could serve (``partitions``) → the pieces that it does serve (``timeline``)
→ the time chunks they fill and what is wrong with each (``chunks``), what has changed since each was built
(``changes``, from the ledger of ``built``, the pipeline's ``definition`` and its ``files``) → a ``NightPlan`` of
``night`` (``planner``, ``derived``), whose ``rows`` people are shown. What counts alone can settle needs no closer look
(``settled``). A batch of it → an ``index_hadoop`` task or a CLI spec (``hadoop``); a run → a RunJobFlow request and its
steps (``emr``); a file of keys → what a purge's steps and job are told (``purge``), which versions are old when it is
over (``superseded``), and what later nights keep out (``withheld``); an unload or a load → batches of statements
(``redshift``, quoted by ``sql``, counted by ``manifest``); what nights replaced → what may go (``retire``), killed with
nothing else (``disposal``, ``deep_storage``); a plan ↔ canonical JSON (``document``); a run → every external name
(``names``). May import ``model`` and ``errors``.

What it costs: Druid's rules of visibility are written here a second time, and facts that arrive after planning
(another version, a lock) are not seen; whoever carries the plan out must notice them. The Overlord refuses a task whose
listed segments changed, ``reindex`` looks for what slipped in beside a step (``slipped``), ``validate`` looks again.
The timeline does not say who made a set, so a chunk that is one complete partition set counts as some job's decision
and is chosen again only when it is far from its target: a rebuild settles a chunk, at the price of leaving a middling
one alone. The ledger is a second memory beside Druid's: a version that it does not know is the baseline.
"""
