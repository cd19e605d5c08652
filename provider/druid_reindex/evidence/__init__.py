"""Says what became of a night: to people in one text, and to lineage in datasets and facets.

In → out: what was read of Airflow, Druid, EMR and S3, each part as its own value or as ``Unread`` → a ``NightState``
(``night_state``) → the text that the command line, the failure message and Airflow's UI show alike (``render``), and
the next command that cannot do harm (``safe_next``). A pipeline and the record that a task left → a ``Lineage``
(``lineage_tasks``): datasets by OpenLineage's names (``lineage``), with its facets and ours (``lineage_facets``, whose
schemas lie in ``facets/``). May import ``model`` and ``errors``. Pure: whoever gathers the facts, and whoever sends
them, sits above.

What it costs: a fact that the state has no field for is not told, a command that is renamed is renamed here too, and a
record that a task leaves is read a second time here, by the names of its fields.
"""
