"""Puts what a request needs before the evaluator, with the policies that apply and the context that AWS adds.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (global keys),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html (S3's own)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.emr.models import emr_backends

from druid_reindex.sandbox.aws.gate import encryption, identities, keys
from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.gate.operations import Check, Owner
from druid_reindex.sandbox.aws.gate.signatures import Signed
from druid_reindex.sandbox.aws.iam.decisions import Decision, Kind, Policies, Request, decide, message
from druid_reindex.sandbox.aws.iam.policies import Policy, policy
from druid_reindex.sandbox.aws.iam.replay import TRUST, Recorded
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

Context = dict[str, tuple[str, ...]]

# Allowed to everybody who can sign, whatever policies say.
# Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
FREE = {"sts:GetCallerIdentity"}
RESOURCE_POLICY = "resource"


@dataclass(frozen=True)
class Judged:
    """A decision, what is recorded of it, and the documents that took part, by whose they are."""

    decision: Decision
    recorded: Recorded
    documents: Mapping[str, Mapping[str, str]]


def judge(caller: Caller, check: Check, about: Context, operation: str) -> Judged:
    """Return the decision on one action; `about` is the request's context, from `surroundings`."""
    principal = caller.principal
    documents = identities.documents(principal.identity) if principal.identity else {}
    own = _own_document(check)
    kind = Kind.NECESSARY if own is not None and check.owner in {Owner.KEY, Owner.ROLE} else Kind.SUFFICIENT
    if check.owner is Owner.ROLE:
        kind = Kind.NECESSARY
    context = {**about, **caller.context, **_resource_keys(check), **check.context}
    request = Request(principal, check.action, check.resource, context)
    granted = keys.grants(check.owner_arn, principal, check.action, context) if check.owner is Owner.KEY else ()
    policies = Policies(
        identity=tuple(policy(name, document) for name, document in documents.items()),
        resource=_policy(own),
        kind=kind,
        unsupported=caller.unsupported,
        grants=granted,
    )
    decision = decide(request, policies)
    recorded = Recorded(
        operation=operation,
        request=request,
        outcome=decision.outcome,
        owner=_owner(check) if own is not None or kind is Kind.NECESSARY else "",
        kind=kind,
        statements=decision.statements,
        grants=granted,
        unsupported=caller.unsupported,
        at=about["aws:currenttime"][0],
        said="" if decision.allowed else message(request, decision),
    )
    taken = {principal.identity: documents} if principal.identity else {}
    return Judged(decision, recorded, taken | ({_owner(check): {RESOURCE_POLICY: own}} if own is not None else {}))


def surroundings(incoming: Incoming, signed: Signed | None, now: datetime) -> Context:
    """Return the condition keys that every request has."""
    found: Context = {
        "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(now.timestamp())),),
        "aws:securetransport": (str(incoming.environ.get("wsgi.url_scheme") == "https").lower(),),
        "aws:sourceip": (str(incoming.environ.get("REMOTE_ADDR", "")),),
        "aws:requestedregion": (signed.region if signed else REGION,),
        "aws:resourceaccount": (ACCOUNT,),
        "aws:viaawsservice": ("false",),
        "kms:calleraccount": (ACCOUNT,),
    }
    agent = incoming.header("user-agent")
    return found | ({"aws:useragent": (agent,)} if agent else {})


def s3_surroundings(incoming: Incoming, signed: Signed | None, now: datetime) -> Context:
    """Return the condition keys that every request to S3 has besides."""
    version = _tls_version(incoming)
    found: Context = {"s3:resourceaccount": (ACCOUNT,)}
    if version:
        found["s3:tlsversion"] = (version,)
    if signed is not None:
        found["s3:signatureversion"] = ("AWS4-HMAC-SHA256",)
        found["s3:authtype"] = ("REST-QUERY-STRING" if signed.presigned else "REST-HEADER",)
        found["s3:signatureage"] = (str(int((now - signed.moment).total_seconds() * 1000)),)
    return found


def _tls_version(incoming: Incoming) -> str:
    """The connection's TLS version as `1.3`; empty on a plain one."""
    connection = incoming.environ.get("werkzeug.socket")
    named = getattr(connection, "version", None)
    return (named() or "").removeprefix("TLSv") if named else ""


def _own_document(check: Check) -> str | None:
    """The policy of the resource itself; None when it has none, or is not there."""
    match check.owner:
        case Owner.NONE:
            return None
        case Owner.BUCKET:
            bucket = encryption.bucket(check.owner_arn.rpartition(":")[2])
            return bucket.policy.decode() if bucket is not None and bucket.policy else None
        case Owner.KEY:
            return keys.policy_document(check.owner_arn)
        case Owner.ROLE:
            role = identities.identity(check.owner_arn)
            return None if role is None else _text(role.assume_role_policy_document)


def _owner(check: Check) -> str:
    """Whose the resource's policy is; a role has policies of its own besides, so its trust has a name of its own."""
    return f"{TRUST}{check.owner_arn}" if check.owner is Owner.ROLE else check.owner_arn


def _text(document: Any) -> str:
    return document if isinstance(document, str) else str(document)


def _policy(document: str | None) -> Policy | None:
    return None if document is None else policy(RESOURCE_POLICY, document)


def _resource_keys(check: Check) -> Context:
    """The condition keys of the resource: a cluster's and a role's tags, a key's aliases."""
    if check.owner is Owner.KEY:
        aliases = keys.aliases(check.resource)
        return {"kms:resourcealiases": aliases} if aliases else {}
    kind, _, name = check.resource.rpartition(":")[2].partition("/")
    if kind == "cluster":
        flows: Any = getattr(emr_backends[ACCOUNT][REGION], "flows", {})
        flow = flows.get(name)
        return _tags(("aws", "elasticmapreduce"), dict(flow.tags) if flow is not None else {})
    role = identities.identity(check.resource) if kind == "role" else None
    return _tags(("aws", "iam"), {each["Key"]: each["Value"] for each in role.tags or []}) if role else {}


def _tags(prefixes: tuple[str, ...], tags: Mapping[str, str]) -> Context:
    return {f"{prefix}:resourcetag/{name.lower()}": (value,) for prefix in prefixes for name, value in tags.items()}
