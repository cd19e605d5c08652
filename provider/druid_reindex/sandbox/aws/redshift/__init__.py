"""Amazon Redshift, emulated: its Data API, and as much of its own API as operators need, on a real PostgreSQL.

In: requests of botocore's `redshift-data` model, `redshift-serverless`'s workgroups, and GetClusterCredentialsWithIAM.
Out: their answers; rows in PostgreSQL; files in the account's S3, read and written as the role that a statement names.
`api.py` stands before moto, `backend.py` answers, `runner.py` runs a statement in a session of `engine.py` as the
caller's own database user. `statements.py` reads SQL: `tokens.py` cuts it, `rewriting.py` and `definitions.py` turn it
into PostgreSQL's by way of sqlglot, `allowed.py` lists what may be said, `moving.py` reads UNLOAD and COPY.
`unloading.py` and `loading.py` move files through `storage.py`; `catalogue.sql` and `history.py` make the system's
views.

What it costs, and what it is not (proof letter E): Redshift's planner, its types' exact limits, its locks on tables and
most of its errors' words are not reproduced; VARCHAR counts characters here and bytes there; a session lasts for one
statement; the wording of refusals is AWS's where somebody published it and ours elsewhere. Statements and their results
live in memory and in files of this process, so a restart forgets them; what PostgreSQL committed stays. Callers meet
TLS alone, at the account's endpoint. The wheel's PostgreSQL is built without TLS: the account reaches it over loopback
by a password, and no other door leads to the data, so that the address which DescribeClusters tells answers nobody.
"""
