"""Tells what became of a night: in one text for a person, in a signed pack for an auditor, and in a report made of it.

In → out: what was read of Airflow, Druid, EMR and S3, each part as its own value or as ``Unread`` → a ``NightState``
(``night_state``) → the text that a person is shown (``render``) and the next command that cannot do harm
(``safe_next``); typed ``parts`` → ``chain``ed lines → a ``pack``, whose in-toto statement (``dsse``) somebody above
signs → ``verify``, which names the first thing that was changed; a run's packs → ``report_read`` → one ``Report`` of a
night (``report_night``) → page, PDF, tables. May import ``model`` and ``errors``; ``public_key`` cryptography,
``report_html`` jinja2, ``report_pdf`` reportlab. Pure: whoever gathers the facts sits above.

What it costs: a fact that the state or a part has no field for is not told; a kind of part that is added is told by
every pack from then on, if only as absent; and a command that is renamed is renamed here too.
"""
