"""What IAM decides: a request, the policies that apply to it, and the answer with the statements that gave it.

In: `decisions.Request` (principal, action, resource, context) and policy documents. Out: `decisions.Decision`. Pure:
may import `errors` alone; the account around it (`sandbox/aws/gate`) finds the policies and refuses.

`patterns.py` matches text with wildcards and policy variables, `conditions.py` the operators, `policies.py` reads a
document, `principals.py` tells whom a statement names, `decisions.py` decides, `replay.py` decides again what was
recorded, under changed policies.

What it costs: permissions boundaries, session policies and elements or operators that are not known here are not
evaluated; a request that they touch is denied, and the denial says so. Service and resource control policies, which
belong to an organisation, have no place in one account.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""
