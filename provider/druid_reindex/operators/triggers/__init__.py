"""Waits that hold no worker slot: Airflow triggers that look at EMR, Druid and Redshift on asyncio.

In → out: what is waited for, by id → one event that says "look again"; the task looks for itself and goes on, or defers
once more. However many triggers wait for steps of one cluster or tasks of one Overlord, one call a round asks for all.
"""
