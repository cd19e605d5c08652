"""Says what became of a night, in one text that the command line, the failure message and Airflow's UI show alike.

In → out: what was read of Airflow, Druid, EMR and S3, each part as its own value or as ``Unread`` → a ``NightState``
(``night_state``) → the text that a person is shown (``render``) and the next command that cannot do harm
(``safe_next``). May import ``model`` and ``errors``. Pure: whoever gathers the facts sits above.

What it costs: a fact that the state has no field for is not told, and a command that is renamed is renamed here too.
"""
