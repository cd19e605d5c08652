"""The account's CloudTrail: what requests leave behind, as AWS writes it, in the bucket of each trail.

In: each request and its answer, with what the gate learned of it. Out: records in AWS's form, delivered as AWS delivers
them (late, out of order, now and then twice, a file for each Region), hourly digests in a signed chain, and the answers
of LookupEvents, ListPublicKeys and GetTrailStatus. May import `sandbox/aws/gate` and moto; it shares no code with the
`evidence` room, which reads what stands here and has to find its own mistakes.

`recorder.py` stands before the gate and hands each answered request to `record.py`, which `events.py` (with
`events.csv`: the source of each event's form, and those that have none), `parameters.py`, `objects.py` and `users.py`
serve; `selectors.py` says which trail wants a record, `spool.py` keeps it on disk, `delivery.py` puts files into the
trail's bucket through `bucket.py`, `digests.py` signs. `api.py` answers for CloudTrail, `service.py` holds it together.
`control.py` is what tests and the command line ask for beside AWS's own interface: deliver now, an outsider's deeds
(`outsider.py`), and a trail that AWS itself would have written wrongly (`tampering.py`).

What it costs: one more line on disk for each request, tens of microseconds; memory for one file at a time. No record
holds a body, a statement or a secret: what AWS hides is hidden, and the session token, which AWS shows, is hidden too.
"""
