"""Tells what became of a night: in one text for a person, to lineage, and in a signed pack and reports for an auditor.

In → out: what was read of Airflow, Druid, EMR and S3, each part as its own value or as ``Unread`` → a ``NightState``
(``night_state``) → the text that a person is shown (``render``) and the next command that cannot do harm
(``safe_next``). A pipeline and the record that a task left → a ``Lineage`` (``lineage_tasks``): datasets by
OpenLineage's names (``lineage``), with its facets and ours (``lineage_facets``, whose schemas lie in ``facets/``); a
supplement → a run below the night's (``lineage_trail``).
Typed ``parts`` → ``chain``ed lines → a ``pack``, whose in-toto statement (``dsse``) somebody above signs → ``verify``,
which names the first thing that was changed; a run's packs → ``report_read`` → one ``Report`` of a night
(``report_night``), of one of its tasks (``report_task``), or of whether the packs hold (``report_verify``) → page, PDF,
tables. A trail's digests and log files as bytes → which of them are whole
(``trail_chain``, ``trail_log``), the events in them that mention a run's keys (``trail_search``), whose they are
(``attribution``, by ``run_facts``), and a journal of calls laid beside them, both ways (``reconcile``), which a
supplement tells (``trail_parts``), with what the touched objects hold (``held``). A line of a log beside CloudTrail →
an ``Act`` (``witness_hdfs``, ``witness_kdc``, ``witness_druid``, ``witness_redshift``), counted by whose it is
(``witness_tally``).

May import ``model`` and ``errors``; of others' packages ``msgspec``, ``cryptography``, ``deflate``, ``hyperscan``,
``jinja2`` and ``reportlab``. Pure: whoever gathers the facts and reads the files, and whoever sends them, sits above.

What it costs: a fact that the state or a part has no field for is not told; a kind of part that is added is told by
every pack from then on, if only as absent; a command that is renamed is renamed here too; a record that a task leaves
is read a second time here, by the names of its fields; an event's field that ``trail_event`` does not name is not seen;
a log whose makers change its form is told as unread.
"""
