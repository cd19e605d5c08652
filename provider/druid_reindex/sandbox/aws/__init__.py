"""One AWS account on one machine: moto where it is faithful, our own code on top where it is not.

In: requests of boto3, the `aws` CLI and the Java SDKs at one TLS endpoint. Out: what AWS answers, with the side
effects that matter here: objects with their KMS key, and EMR clusters that really run HDFS, YARN and their steps.
May import everything the sandbox may; it alone imports moto.

`server.py` owns the process, `wsgi.py` chains middlewares before moto, `account.py` creates the fixed account,
`emr/` replaces moto's EMR, `redshift/` stands before moto's with its Data API on a real PostgreSQL, `imds.py` gives
nodes their role's credentials, `gate/` finds out who asks and puts each request before the policies that `iam/`
evaluates, `trail/` writes its CloudTrail, `protection.py` answers what posture asks of EMR's releases and EC2's
volumes, `cloudformation/` deploys what moto's CloudFormation does not know.

What it costs: state lives in memory, so the account is new at each start. A sandbox's account enforces its policies;
one that is started by itself, unless told otherwise, records what they would refuse, and refuses none of it.
"""
