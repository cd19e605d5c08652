"""Every policy of the emulated account, as its services tell them, and what each statement is called in docs/iam.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from druid_reindex.sandbox.aws.cloudformation.deploy import REPLICA_REGION
from druid_reindex.sandbox.aws.cloudformation.keys import IDS
from druid_reindex.sandbox.aws.gate.authorisation import RESOURCE_POLICY
from druid_reindex.sandbox.aws.iam.policies import Effect
from druid_reindex.sandbox.aws.iam.replay import TRUST, Deployed, statements
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from emulated_account import Emulator

_KEYS = {key_id: name for name, key_id in IDS.items()}
# `druid` stands for this role's servers, so its policies are tried on that user; the person has a role's as well.
_STAND_INS = ("role/DrxDruidNode", "user/operator")
# What the sandbox's users have beside the policies of the product.
_OWN = "sandbox/"


def deployed(emulator: Emulator) -> Deployed:
    """The documents of users, roles, trusts, keys and buckets, by their ARNs."""
    found = dict(_identities(emulator.client("iam").get_account_authorization_details()))
    for region in (REGION, REPLICA_REGION):
        kms = emulator.client("kms", region_name=region)
        for key in kms.list_keys()["Keys"]:
            if key["KeyId"] in _KEYS:
                policy = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
                found[key["KeyArn"]] = {RESOURCE_POLICY: policy}
    s3 = emulator.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        found[f"arn:aws:s3:::{bucket['Name']}"] = {
            RESOURCE_POLICY: s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"]
        }
    return found


def _identities(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    managed = {
        each["Arn"]: version["Document"]
        for each in told["Policies"]
        for version in each["PolicyVersionList"]
        if version["IsDefaultVersion"]
    }
    for each in (*told["RoleDetailList"], *told["UserDetailList"]):
        inline = each.get("RolePolicyList", each.get("UserPolicyList", []))
        documents = [(policy["PolicyName"], policy["PolicyDocument"]) for policy in inline]
        attached = each["AttachedManagedPolicies"]
        documents += [(policy["PolicyName"], managed[policy["PolicyArn"]]) for policy in attached]
        yield each["Arn"], {name: json.dumps(document) for name, document in documents}
        if "AssumeRolePolicyDocument" in each:
            yield f"{TRUST}{each['Arn']}", {RESOURCE_POLICY: json.dumps(each["AssumeRolePolicyDocument"])}


def named(of: Deployed, effect: Effect) -> dict[str, tuple[str, str]]:
    """Owner and id of each statement of the product with this effect, by the name that it has in docs/iam.md."""
    return {
        name_of(arn, statement): (arn, statement)
        for arn in of
        if not arn.endswith(_STAND_INS) or arn.startswith(TRUST)
        for statement in statements(of, arn, effect)
        if not statement.startswith(_OWN)
    }


def name_of(arn: str, statement: str) -> str:
    """A statement of an identity by its policy and Sid; one of a resource by the resource and Sid."""
    policy, _, sid = statement.partition("/")
    last = arn.rpartition(":")[2].rpartition("/")[2]
    if policy != RESOURCE_POLICY:
        return statement
    if arn.startswith(TRUST):
        return f"trust of {last}/{sid}"
    if last in _KEYS:
        return f"key {_KEYS[last]}/{sid}"
    return f"bucket {last.removesuffix(f'-{ACCOUNT}')}/{sid}"
