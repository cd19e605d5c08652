"""KMS keys by any of their names, and their grants."""

from __future__ import annotations

from druid_reindex.sandbox.aws.gate import keys
from druid_reindex.sandbox.aws.gate.operations import encryption_context
from druid_reindex.sandbox.aws.iam.principals import Principal
from gated_account import Account, allow

ROLE = "arn:aws:iam::111122223333:role/night"
NIGHT = Principal("arn:aws:sts::111122223333:assumed-role/night/run", ROLE, "111122223333")


def test_a_key_by_id_arn_and_alias(account: Account) -> None:
    made = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    account.kms.create_alias(made.id, "alias/phi")
    names = (made.id, made.arn, "alias/phi", "arn:aws:kms:us-east-1:111122223333:alias/phi")
    assert {keys.key_arn(name) for name in names} == {made.arn}
    assert keys.aliases(made.arn) == ("alias/phi",)
    blob, _ = account.kms.encrypt(made.id, b"x", {})
    assert keys.ciphertext_key(blob) == made.arn
    assert '"kms:*"' in str(keys.policy_document(made.arn))


def test_a_key_that_is_not_there(account: Account) -> None:
    assert keys.key("alias/none") is None
    assert keys.policy_document("none") is None
    assert keys.aliases("none") == ()
    assert keys.key_arn("none") == "arn:aws:kms:us-east-1:111122223333:key/none"
    assert keys.key_arn(None).endswith(":key/*")


def test_a_grant_allows_its_operations_in_its_context(account: Account) -> None:
    made = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    constraints = {"EncryptionContextSubset": {"aws:ebs:id": "vol-1"}}
    grant_id, _ = account.kms.create_grant(made.id, NIGHT.identity, ["Decrypt"], "", constraints, "")
    volume = encryption_context({"aws:ebs:id": "vol-1", "more": "x"})
    assert keys.grants(made.arn, NIGHT, "kms:Decrypt", volume) == (f"grant/{grant_id}",)
    assert keys.grants(made.arn, NIGHT, "kms:Encrypt", volume) == ()
    assert keys.grants(made.arn, NIGHT, "kms:Decrypt", encryption_context({"aws:ebs:id": "vol-2"})) == ()
    assert keys.grants(made.arn, Principal("a", "b", "c"), "kms:Decrypt", volume) == ()
    exact = {"EncryptionContextEquals": {"aws:ebs:id": "vol-1"}}
    account.kms.revoke_grant(made.id, grant_id)
    account.kms.create_grant(made.id, NIGHT.identity, ["Decrypt"], "", exact, "")
    assert keys.grants(made.arn, NIGHT, "kms:Decrypt", volume) == ()
    assert keys.grants(made.arn, NIGHT, "kms:Decrypt", encryption_context({"aws:ebs:id": "vol-1"})) != ()


def test_a_grantee_needs_no_policy(account: Account) -> None:
    made = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    alice = account.user("alice")
    ask = {"KeyId": made.id, "KeySpec": "AES_256"}
    assert account.json_ask(alice, "kms", "TrentService.GenerateDataKey", **ask).status == 400
    arn = "arn:aws:iam::111122223333:user/alice"
    account.kms.create_grant(made.id, arn, ["GenerateDataKey"], "", {}, "")
    assert account.json_ask(alice, "kms", "TrentService.GenerateDataKey", **ask).status == 200
    denied = account.user("denied", {**allow("kms:*"), "Effect": "Deny"})
    account.kms.create_grant(made.id, "arn:aws:iam::111122223333:user/denied", ["GenerateDataKey"], "", {}, "")
    assert account.json_ask(denied, "kms", "TrentService.GenerateDataKey", **ask).status == 400
