"""Amazon EMR on EC2, emulated: what the API refuses it refuses, what it starts really runs.

In: the requests of botocore's `emr` model. Out: its answers, HDFS and YARN daemons, steps and bootstrap actions as
processes, and logs in S3. `api.py` takes moto's place in front, `backend.py` and `queries.py` change and answer,
`validation.py` refuses, `lifecycle.py` drives one cluster from STARTING to TERMINATED, `node.py` is the machine that
it drives, `logs.py` archives, `service_role.py` is what EMR asks of the account itself.

What it costs: all nodes of a cluster share one address and one set of daemons; the wording of refusals is AWS's where
somebody published it and ours elsewhere.
"""
