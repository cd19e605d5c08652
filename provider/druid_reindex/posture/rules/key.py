"""KMS: the keys of data, disks and logs, who may use them, and that they stay.

Sources: https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html,
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from druid_reindex.model.account import KmsKey
from druid_reindex.model.uri import Arn
from druid_reindex.posture import policies
from druid_reindex.posture.facts import Facts, Key, KeyUse, known
from druid_reindex.posture.rules.registry import Verdict, day, judged, rule


def keys(facts: Facts) -> Iterable[tuple[str, Key]]:
    """Each key by its ARN."""
    return ((key.arn, key) for key in facts.keys)


def uses(rule_id: str) -> Callable[[Facts], Iterable[tuple[str, KeyUse]]]:
    """The uses of keys that the rule ``rule_id`` asks for, by what they are for."""
    return lambda facts: ((f"{use.key.arn} for {use.purpose}", use) for use in facts.key_uses if use.rule == rule_id)


def key_defects(key: KmsKey) -> list[str]:
    """Why the key cannot encrypt a night's data: it must be enabled, symmetric, for encryption, the customer's own."""
    return [
        *([f"its state is {key.state}"] if key.state != "Enabled" else []),
        *(["it is managed by AWS"] if key.manager != "CUSTOMER" else []),
        *([f"its spec is {key.spec}"] if key.spec != "SYMMETRIC_DEFAULT" else []),
        *([f"its usage is {key.usage}"] if key.usage != "ENCRYPT_DECRYPT" else []),
    ]


@rule("KMS-01", keys)
def key_is_usable(key: Key, facts: Facts) -> Verdict:
    """An enabled, symmetric key of the customer's own."""
    del facts
    return judged(key_defects(known(key.description)), "enabled, symmetric, customer managed")


@rule("KMS-03", keys)
def key_is_not_open(key: Key, facts: Facts) -> Verdict:
    """No Allow to everybody without a condition that ties it to an account or a caller."""
    del facts
    allows = policies.statements(known(key.policy), "Allow")
    wide = [each for each in allows if policies.is_for_everybody(each) and not policies.is_narrowed(each)]
    return judged(
        (f"statement {each.get('Sid', 'without a Sid')} allows everybody" for each in wide), "nobody unnamed is allowed"
    )


@rule("KMS-05", uses("KMS-05"))
def instance_role_may_use_the_key(use: KeyUse, facts: Facts) -> Verdict:
    """IAM's policies and the key's policy allow the clusters' instance role each action."""
    return _may_use(use, facts)


@rule("KMS-06", uses("KMS-06"), absent="EBS encryption is not asked for")
def service_role_may_use_the_key(use: KeyUse, facts: Facts) -> Verdict:
    """IAM's policies and the key's policy allow EMR's service role what encrypted EBS volumes need."""
    return _may_use(use, facts)


@rule("KMS-07", uses("KMS-07"), absent="the pipeline neither unloads from Redshift nor loads into it")
def redshift_role_may_use_the_key(use: KeyUse, facts: Facts) -> Verdict:
    """IAM's policies and the key's policy allow Redshift's role to read and write under the key."""
    return _may_use(use, facts)


@rule("KMS-10", uses("KMS-10"), absent="the logs are not encrypted with a key of their own")
def roles_may_encrypt_the_logs(use: KeyUse, facts: Facts) -> Verdict:
    """IAM's policies and the key's policy allow what EMR's encrypted logs need."""
    return _may_use(use, facts)


@rule("KMS-08", keys)
def key_is_not_about_to_be_deleted(key: Key, facts: Facts) -> Verdict:
    """No deletion date."""
    del facts
    ends = known(key.description).deletes_at
    return judged([f"it is deleted on {day(ends)}"] if ends else [], "no deletion date")


def _may_use(use: KeyUse, facts: Facts) -> Verdict:
    """Each action needs the key's policy, which may leave it to IAM by allowing the account itself.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    role, policy = known(use.role), known(use.key.policy)
    by_iam = {each.action: each.decision for each in known(use.permissions)}
    root = f"arn:{Arn.parse(role).partition}:iam::{facts.intent.account}:root"
    context = {
        "aws:principalarn": role,
        "aws:principalaccount": facts.intent.account,
        "kms:calleraccount": facts.intent.account,
        **use.conditions,
    }

    def applies(effect: str, action: str, *principals: str) -> bool:
        return any(
            policies.names_principal(each, *principals)
            and policies.covers_action(each, action)
            and policies.holds(each, context)
            for each in policies.statements(policy, effect)
        )

    def defect(action: str) -> str:
        decision = by_iam.get(action, "no decision")
        if applies("Deny", action, role, root):
            return f"{action} (denied by the key's policy)"
        if applies("Allow", action, role) and decision != "explicitDeny":
            return ""
        if not applies("Allow", action, root):
            return f"{action} (the key's policy allows neither the role nor its account)"
        return "" if decision == "allowed" else f"{action} ({decision})"

    denied = [told for told in map(defect, use.actions) if told]
    return judged([f"{role} may not {', '.join(denied)}"] if denied else [], f"{role} may {', '.join(use.actions)}")
