"""Clusters with real HDFS and YARN under real Kerberos: their own KDC, the site's, and a trust between the two."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from druid_reindex.sandbox import distributions, kdc
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.emr.releases import hadoop_version
from druid_reindex.sandbox.aws.site import Daemons
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.kdc import SITE_REALM
from druid_reindex.sandbox.processes import OwnedProcess
from emulated_account import ARTIFACTS, LOGS, Emulator, request, script, shell, start, state, until
from secured_clusters import EXTERNAL, dedicated, put_certificates, secured

pytestmark = pytest.mark.sandbox
BUCKET = "drx-phi-111122223333"
UP_SECONDS = 300
TRUST = {"Realm": SITE_REALM, "Domain": "site.internal", "AdminServer": "kdc.internal", "KdcServer": "kdc.internal"}
DRUID_USER = f"s3://{ARTIFACTS}/bootstrap/druid_user.sh"
REPORTS, NONCE = "tests/attestation/", "0123abcd"
AS_DRUID = "KRB5PRINCIPAL={principal} KRB5KEYTAB={keytab} hdfs dfs -touchz /user/druid/here 2>&1"
ECHO = "echo hello | hdfs dfs -put - /tmp/a && hdfs dfs -cp /tmp/a s3a://{bucket}/kerberos-{release}"
WITHOUT_TICKET = "env -u KRB5PRINCIPAL -u KRB5KEYTAB hdfs dfs -ls / 2>&1; true"
SIMPLE = """
mkdir simple
sed 's|<value>kerberos</value>|<value>simple</value>|' "$HADOOP_CONF_DIR/core-site.xml" > simple/core-site.xml
env -u KRB5PRINCIPAL -u KRB5KEYTAB HADOOP_CONF_DIR=$PWD/simple HADOOP_USER_NAME=hdfs hdfs dfs -ls / 2>&1; true
"""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account with the site's KDC beside it, and certificates for clusters in its artifacts bucket."""
    home = SandboxHome(tmp_path_factory.mktemp("kerberos") / "home", SandboxHome.from_environment().cache)
    site = OwnedProcess.start(kdc.site_service(home, print))
    started = start(home, Daemons.HADOOP)
    try:
        site.wait_ready()
        put_certificates(home, started.client("s3"))
        yield started
    finally:
        assert started.process.stop() == 0
        site.stop()


def run(account: Emulator, wanted: dict[str, Any], *steps: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """Return a cluster that has run the steps: its id, their states, and what each wrote to its stdout."""
    emr, s3 = account.client("emr"), account.client("s3")
    cluster_id = emr.run_job_flow(**request(Steps=list(steps), **wanted))["JobFlowId"]
    until(lambda: state(emr, cluster_id), "WAITING", "TERMINATED_WITH_ERRORS", seconds=UP_SECONDS)
    ran = list(reversed(emr.list_steps(ClusterId=cluster_id)["Steps"]))
    said = []
    for step in ran:
        found = s3.list_objects_v2(Bucket=LOGS, Prefix=f"emr/{cluster_id}/steps/{step['Id']}/stdout").get(
            "Contents", []
        )
        packed = [s3.get_object(Bucket=LOGS, Key=item["Key"])["Body"].read() for item in found]
        said.append("".join(gzip.decompress(body).decode() for body in packed))
    return cluster_id, [step["Status"]["State"] for step in ran], said


def end(account: Emulator, cluster_id: str) -> None:
    emr = account.client("emr")
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    until(lambda: state(emr, cluster_id), "TERMINATED")
    assert running(cluster_id) == []
    assert not (account.home.data("emr") / cluster_id).exists()


def running(cluster_id: str) -> list[str]:
    found = subprocess.run(["pgrep", "-f", cluster_id], capture_output=True, text=True, check=False)
    return found.stdout.split()


def job(account: Emulator, release: str) -> dict[str, Any]:
    jars = distributions.hadoop(account.home, print, hadoop_version(release) or "").jars
    sleep = {
        "Jar": str(next(jars.glob("hadoop-mapreduce-client-jobclient-*-tests.jar"))),
        "Args": ["sleep", "-m", "2", "-r", "2", "-mt", "100", "-rt", "100"],
    }
    return {"Name": "job", "ActionOnFailure": "CONTINUE", "HadoopJarStep": sleep}


def attested(account: Emulator, cluster_id: str) -> list[dict[str, Any]]:
    """What each instance of the cluster reported, once all have."""
    emr, s3 = account.client("emr"), account.client("s3")
    instances = sorted(i["Ec2InstanceId"] for i in emr.list_instances(ClusterId=cluster_id)["Instances"])

    def found() -> list[str]:
        listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{REPORTS}{cluster_id}/").get("Contents", [])
        return sorted(item["Key"].rpartition("/")[2].removesuffix(".json") for item in listed)

    until(lambda: str(found()), str(instances), seconds=UP_SECONDS)
    keys = [f"{REPORTS}{cluster_id}/{instance}.json" for instance in instances]
    return [json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in keys]


@pytest.mark.parametrize("release", ["emr-7.2.0", pytest.param("emr-7.9.0", marks=pytest.mark.soak)])
def test_hadoop_works_with_tickets_and_refuses_who_has_none(account: Emulator, release: str) -> None:
    emr = account.client("emr")
    wanted = {
        "ReleaseLabel": release,
        "SecurityConfiguration": secured(emr, f"dedicated-{release}", dedicated()),
        "KerberosAttributes": {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "a password of this cluster"},
        "BootstrapActions": [attesting(account)],
    }
    copy = shell(ECHO.format(bucket=BUCKET, release=release))
    cluster_id, states, said = run(account, wanted, copy, job(account, release), shell(WITHOUT_TICKET), shell(SIMPLE))
    assert states == ["COMPLETED"] * 4
    found = account.client("s3").get_object(Bucket=BUCKET, Key=f"kerberos-{release}")
    assert found["Body"].read() == b"hello\n"
    assert "Client cannot authenticate via:[TOKEN, KERBEROS]" in said[2]
    assert "SIMPLE authentication is not enabled" in said[3]
    for report in attested(account, cluster_id):
        judge(report, cluster_id, release)
    end(account, cluster_id)


def attesting(account: Emulator) -> dict[str, Any]:
    """The bootstrap action; the cluster's id, which nobody knows yet, is put into the prefix by the node."""
    source = (service.emr_configs() / "bootstrap" / "attest.sh").read_text()
    prefix = f"s3://{BUCKET}/{REPORTS}"
    wrapper = f"""#!/bin/bash
facts="$DRX_NODE_ROOT/mnt/var/lib/info/job-flow.json"
cluster="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["jobFlowId"])' "$facts")"
aws s3 cp --only-show-errors s3://{ARTIFACTS}/tests/attest.sh attest.sh
bash attest.sh "{prefix}$cluster/" "$1" && bash attest.sh "{prefix}$cluster/" "$1"
"""
    s3 = account.client("s3")
    script(s3, "attest.sh", source)
    action = {"Path": script(s3, "attest_wrapper.sh", wrapper), "Args": [NONCE]}
    return {"Name": "attest", "ScriptBootstrapAction": action}


def judge(report: dict[str, Any], cluster_id: str, release: str) -> None:
    assert report["schema"] == "druid-reindex/node-attestation/1"
    assert (report["nonce"], report["cluster_id"], report["release_label"]) == (NONCE, cluster_id, release)
    assert report["kerberos"] == {"authentication": "kerberos", "realm": "EC2.INTERNAL", "simple_refused": True}
    assert report["rpc"] == {"protection": "privacy"}
    assert report["hdfs"] == {
        "transfer_protection": "privacy",
        "encrypt_data_transfer": True,
        "cipher_suites": "AES/CTR/NoPadding",
        "http_policy": "HTTPS_ONLY",
    }
    assert report["shuffle"] == {"ssl": True}
    assert report["imds"] == {"v1_refused": True}
    assert {volume["encryption"] for volume in report["volumes"]} <= {"unavailable", "none"}
    assert len(report["certificates"]) == {"MASTER": 3, "CORE": 2}[report["role"]]
    for certificate in report["certificates"]:
        assert (certificate["trusted"], certificate["subject"]) == (True, "CN=clusters")


@pytest.mark.soak
def test_an_external_kdc_knows_the_cluster_as_long_as_it_lives(account: Emulator) -> None:
    """Druid's own keytab opens the cluster; a wrong password of the KDC's administrator makes no cluster."""
    emr, home = account.client("emr"), account.home
    site = kdc.SiteRealm(home)
    name = secured(emr, "external", EXTERNAL)
    attributes = {"Realm": SITE_REALM, "KdcAdminPassword": home.secret(kdc.SITE_ADMIN_SECRET)}
    wrong = attributes | {"KdcAdminPassword": "a guess"}
    refused, states, _ = run(account, {"SecurityConfiguration": name, "KerberosAttributes": wrong})
    assert state(emr, refused) == "TERMINATED_WITH_ERRORS"
    as_druid = shell(AS_DRUID.format(principal=site.druid_principal, keytab=site.druid_keytab))
    user = {"Name": "user", "ScriptBootstrapAction": {"Path": DRUID_USER}}
    wanted = {"SecurityConfiguration": name, "KerberosAttributes": attributes, "BootstrapActions": [user]}
    made = {"Jar": "script-runner.jar", "Args": [DRUID_USER, "--home"]}
    home_of_druid = {"Name": "home", "ActionOnFailure": "CONTINUE", "HadoopJarStep": made}
    cluster_id, states, _ = run(account, wanted, home_of_druid, as_druid, job(account, "emr-7.2.0"))
    assert states == ["COMPLETED"] * 3
    known = [principal.name for principal in site.realm_file.read()]
    assert [name for name in known if name.startswith("hdfs/ip-")]
    end(account, cluster_id)
    assert not [principal.name for principal in site.realm_file.read() if "/ip-" in principal.name]


def test_a_principal_of_the_site_is_trusted_across_realms(account: Emulator) -> None:
    emr, site = account.client("emr"), kdc.SiteRealm(account.home)
    site.trust("EC2.INTERNAL", "of the trust")
    attributes = {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "a", "CrossRealmTrustPrincipalPassword": "of the trust"}
    name = secured(emr, "trusting", dedicated(CrossRealmTrustConfiguration=TRUST))
    as_druid = shell(AS_DRUID.format(principal=site.druid_principal, keytab=site.druid_keytab))
    wanted = {"SecurityConfiguration": name, "KerberosAttributes": attributes}
    cluster_id, states, said = run(account, wanted, as_druid)
    assert states == ["COMPLETED"], said
    end(account, cluster_id)
