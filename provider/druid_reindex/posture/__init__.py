"""Judges: does the account, the Druid and the cluster that a night uses protect what HIPAA protects?

In → out: ``facts.Facts`` (what a read-only survey found, and what the night intends) → ``findings.PostureReport``;
each node's report and EMR's list of instances → the same. Every rule is one small function in ``rules/``; its title,
gate, citation, source and remedy stand in ``controls.toml``, because a rule is not a regulation. May import ``model``
and ``errors``; nothing here asks anybody anything.

What could not be read is a value of its own (``Unread``): never a pass, never a fail, and it closes the gate. A named
exception (``emr_configs/exceptions.yaml``) excuses a failure until a date, never an unread fact. What it costs: a fact
that the survey does not gather cannot be judged, and conditions of policies beyond the few that are evaluated here are
not guessed at but left unread.
"""
