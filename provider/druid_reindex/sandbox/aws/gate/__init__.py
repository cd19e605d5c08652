"""The account's gate: who signed a request, what it asks for, whether the account's policies allow it.

In: WSGI requests on their way to moto, and moto's own state of users, roles, buckets and keys. Out: the request,
passed on, or AWS's refusal in the form of the service's protocol; and a line for each decision in `decisions.jsonl`.
May import `sandbox/aws/iam`, which decides, and moto.

`incoming.py` is one request, `signatures.py` checks its signature, `identities.py` finds who signed, `sessions.py`
keeps what STS was told about a role's session. `calls.py`, `operations.py` (with `operations.csv`) and `objects.py` say
which actions and resources a request is about, `encryption.py` and `sealed.py` which KMS keys S3 and Secrets Manager
use for it, `keys.py` what KMS knows of them. `authorisation.py` puts these before the evaluator, `refusals.py` words
the answer, `records.py` keeps the decisions, `noted.py` what was learned of a request, for those around the gate.
`middleware.py` is the gate itself, and `bodies.py` keeps S3's bodies encrypted under their data keys.

What it costs: an operation that is absent from the table is denied by name, so whoever adds a call adds its row.
"""
