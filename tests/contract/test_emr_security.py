"""Security configurations from the client to the emulated account: made, read back, used, refused, swept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from changed_configs import SHIPPED
from druid_reindex.clients.cluster_security import ensure_configuration, kerberos_attributes
from druid_reindex.clients.emr import EmrClient
from druid_reindex.errors import RefusedError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.security_file import judged, load_security
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.security import Needed, kerberos_needs, needed
from emr_documents import FULL, changed
from emulated_account import Emulator, cluster, instances, request
from wrong_security import DOCUMENTS, Wrong

PHI = load_boundaries(SHIPPED).phi
ZIP = S3Uri.parse("s3://certificates/phi.zip")
DEDICATED = load_security(SHIPPED, "dedicated_kdc")
Launch = Callable[..., str]
# What EMR takes and does not act on, or documents no refusal of; the product refuses it all the same.
TAKEN_BY_EMR = {
    "at rest off beside its block", "in transit off beside its block",
    "at rest flag left out beside its block", "at rest, but nothing", "SSE-S3 with key", "SSE-KMS with JAR",
    "alias as S3's key", "bare key id", "ARN of something else", "S3's key of another Region",
    "override's key of another Region", "disk's key of another Region", "override with an address",
    "two overrides of a bucket", "alias as the disks' key", "custom disks with EBS", "one class for S3 and disks",
    "no class's name", "certificates over https", "certificates in a bucket alone", "PEM in a JAR",
    "PEM with a class", "custom certificates in a zip", "two KDCs", "trusted realm in small letters",
    "trusted domain in capital letters", "trusted KDC as an URL", "directory's realm in small letters",
    "mapping to a user", "prefix that is none", "user that is a prefix", "user mapped twice", "Ranger over http",
    "Ranger's secret by name", "Ranger's role of another kind", "Ranger in an unknown application",
    "Ranger twice in one", "Ranger without Kerberos", "Lake Formation without roles of steps",
    "roles of steps configured, but off",
}  # fmt: skip


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        yield EmrClient(boto3.Session(region_name="us-east-1"))


@pytest.fixture
def made(client: EmrClient) -> Any:
    wanted = needed(DEDICATED, PHI, ZIP)
    ensure_configuration(client, wanted, lambda _: None)
    yield wanted
    client.delete_security_configuration(wanted.name)


def test_made_once_read_back_listed_and_deleted(client: EmrClient) -> None:
    wanted, said = needed(DEDICATED, PHI, ZIP), list[str]()
    for _ in range(2):
        assert ensure_configuration(client, wanted, said.append) == wanted.name
    assert len(said) == 1
    client.create_security_configuration(wanted.name, wanted.text)
    found = client.security_configuration(wanted.name)
    assert found is not None
    assert (found.name, found.text) == (wanted.name, wanted.text)
    assert wanted.name in client.security_configuration_names()
    for _ in range(2):
        client.delete_security_configuration(wanted.name)
    assert client.security_configuration(wanted.name) is None
    assert wanted.name not in client.security_configuration_names()


def test_every_page_is_read(client: EmrClient) -> None:
    text = json.dumps({"InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": 2}})
    names = [f"page-{number:03}" for number in range(60)]
    for name in names:
        client.create_security_configuration(name, text)
    assert {*names} <= {*client.security_configuration_names()}
    for name in names:
        client.delete_security_configuration(name)


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: case.what)
def test_a_wrong_document_is_refused_by_emr_too_or_known_to_be_taken(client: EmrClient, case: Wrong) -> None:
    wrong = changed(FULL, case.changes)
    assert judged(wrong)[1]
    if case.what in TAKEN_BY_EMR:
        client.create_security_configuration("taken", json.dumps(wrong))
        client.delete_security_configuration("taken")
        return
    with pytest.raises(RefusedError, match="InvalidRequestException: Invalid security configuration"):
        client.create_security_configuration("refused", json.dumps(wrong))


def test_a_cluster_runs_under_it_and_tells_no_password(
    client: EmrClient, emr: Any, launch: Launch, made: Needed
) -> None:
    needs = kerberos_needs(DEDICATED, PHI)
    assert needs is not None
    attributes = kerberos_attributes(needs, pytest.fail)
    groups = {"EmrManagedMasterSecurityGroup": PHI.network.primary_security_group,
              "EmrManagedSlaveSecurityGroup": PHI.network.core_security_group,
              "ServiceAccessSecurityGroup": PHI.network.service_access_security_group}  # fmt: skip
    cluster_id = launch(
        SecurityConfiguration=made.name, KerberosAttributes=attributes, Instances=instances(**groups),
        LogEncryptionKmsKeyId=PHI.emr_log_kms_key_arn,
    )  # fmt: skip
    shown = cluster(emr, cluster_id)
    assert shown["SecurityConfiguration"] == made.name
    assert shown["KerberosAttributes"] == {"Realm": "EC2.INTERNAL"}
    assert shown["LogEncryptionKmsKeyId"] == PHI.emr_log_kms_key_arn
    assert attributes["KdcAdminPassword"] not in str(shown)
    assert client.describe_cluster(cluster_id).security_configuration == made.name


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SecurityConfiguration": "druid-reindex-none"}, "does not exist"),
        ({"KerberosAttributes": None}, "if, and only if"),
        ({"KerberosAttributes": {"Realm": "EC2.INTERNAL", "KdcAdminPassword": ""}}, "must have a KdcAdminPassword"),
        ({"KerberosAttributes": {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "a",
                                 "CrossRealmTrustPrincipalPassword": "b"}}, "cross-realm trust"),
        ({"KerberosAttributes": {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "a", "ADDomainJoinUser": "u"}},
         "specified together"),
        ({"Instances": instances(EmrManagedMasterSecurityGroup=PHI.network.primary_security_group,
                                 EmrManagedSlaveSecurityGroup=PHI.network.core_security_group)},
         "ServiceAccessSecurityGroup"),
    ],
)  # fmt: skip
def test_a_cluster_that_does_not_fit_is_refused(emr: Any, made: Needed, changes: dict[str, Any], told: str) -> None:
    fitting = {"SecurityConfiguration": made.name,
               "KerberosAttributes": {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "a"}}  # fmt: skip
    with pytest.raises(ClientError, match=told) as refusal:
        emr.run_job_flow(**request(**(fitting | changes)))
    assert refusal.value.response["Error"]["Code"] == "ValidationException"


def test_the_table_names_cases_that_exist() -> None:
    assert {case.what for case in DOCUMENTS} >= TAKEN_BY_EMR
    assert len(DOCUMENTS) - len(TAKEN_BY_EMR) >= 35
