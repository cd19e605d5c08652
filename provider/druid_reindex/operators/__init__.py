"""What Airflow sees: operators, the DAG factory, connections. The only room that imports Airflow; the only wiring.

In → out: a pipeline file and Airflow's context → calls on the ports → small XComs: ids, digests, counts and URIs.
May import every room but ``cli`` and ``sandbox``. Clients are imported when a task runs, never when a DAG is parsed.

What it costs: a wait gives its worker slot away and the task begins anew, so each task finds before it makes.
"""
