"""EMR's requests, word for word."""

from __future__ import annotations

import pytest

from druid_reindex.model.group import Group
from druid_reindex.model.profile import BootstrapScript, FleetInstance, InstanceFleet
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import emr, names
from timelines import RUN, boundaries, pipeline, profile

PHI = boundaries().phi
LOGS_KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"


def test_the_cluster() -> None:
    assert emr.run_job_flow(pipeline(), boundaries(), PHI, profile(), RUN) == {
        "Name": f"druid-reindex-patient_vitals-{RUN.short}",
        "ReleaseLabel": profile().release_label,
        "Applications": [{"Name": "Hadoop"}],
        "LogUri": "s3://drx-logs-111122223333/emr/phi/",
        "LogEncryptionKmsKeyId": LOGS_KEY,
        "ServiceRole": "DrxEmrService",
        "JobFlowRole": "DrxEmrEc2Phi",
        "Instances": {
            "InstanceGroups": [
                {"Name": g.role.lower(), "InstanceRole": g.role, "InstanceType": g.instance_type,
                 "InstanceCount": g.count, "Market": g.market}
                for g in profile().instance_groups
            ],
            "Ec2SubnetId": "subnet-0d70000000000001",
            "EmrManagedMasterSecurityGroup": "sg-0d70000000000001",
            "EmrManagedSlaveSecurityGroup": "sg-0d70000000000002",
            "ServiceAccessSecurityGroup": "sg-0d70000000000003",
            "KeepJobFlowAliveWhenNoSteps": True,
            "TerminationProtected": False,
        },
        "Configurations": [],
        "BootstrapActions": [],
        "StepConcurrencyLevel": 1,
        "EbsRootVolumeSize": 30,
        "AutoTerminationPolicy": {"IdleTimeout": 3_600},
        "VisibleToAllUsers": True,
        "Tags": [
            {"Key": "druid-reindex:run-id", "Value": str(RUN)},
            {"Key": "druid-reindex:dag-id", "Value": RUN.dag_id},
            {"Key": "druid-reindex:dag-run-id", "Value": RUN.dag_run_id},
            {"Key": "druid-reindex:pipeline", "Value": "patient_vitals"},
            {"Key": "druid-reindex:classification", "Value": "phi"},
        ],
    }  # fmt: skip


def test_druid_is_installed_for_steps_only_and_after_the_profiles_own_scripts() -> None:
    own = profile().model_copy(
        update={"bootstrap": (BootstrapScript(name="mount", path="bootstrap/m.sh", args=("a",)),)}
    )
    steps = emr.run_job_flow(pipeline(submit="emr_step"), boundaries(), PHI, own, RUN)["BootstrapActions"]
    assert [action["Name"] for action in steps] == ["mount", "install Druid's CLI indexer"]
    assert [action["ScriptBootstrapAction"] for action in steps] == [
        {"Path": "s3://drx-artifacts-111122223333/bootstrap/m.sh", "Args": ["a"]},
        {
            "Path": "s3://drx-artifacts-111122223333/bootstrap/install_druid.sh",
            "Args": ["s3://drx-artifacts-111122223333/"],
        },
    ]
    jobs = emr.run_job_flow(pipeline(), boundaries(), PHI, own, RUN)["BootstrapActions"]
    assert [action["Name"] for action in jobs] == ["mount"]
    purge = emr.run_job_flow(pipeline(), boundaries(), PHI, own, RUN, reads_segments=True)["BootstrapActions"]
    assert purge == steps


def test_nodes_of_a_cluster_that_is_attested_report_last_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emr, "attests", lambda _profile: True)
    own = profile().model_copy(update={"bootstrap": (BootstrapScript(name="own", path="bootstrap/own.sh"),)})
    *_, last = emr.run_job_flow(pipeline(submit="emr_step"), boundaries(), PHI, own, RUN)["BootstrapActions"]
    prefix = f"s3://drx-phi-111122223333/runs/{RUN}/attestation/"
    path = "s3://drx-artifacts-111122223333/bootstrap/attest.sh"
    arguments = [prefix, names.attestation_nonce(str(RUN))]
    assert last == {"Name": "attest each node", "ScriptBootstrapAction": {"Path": path, "Args": arguments}}


def test_a_profile_without_security_is_not_attested() -> None:
    assert not emr.attests(profile())


def test_a_profile_cannot_change_the_tags_that_identify_the_run() -> None:
    own = profile().model_copy(update={"tags": {"druid-reindex:run-id": "x", "team": "vitals"}})
    tags = emr.run_job_flow(pipeline(), boundaries(), PHI, own, RUN)["Tags"]
    assert {"Key": "druid-reindex:run-id", "Value": str(RUN)} in tags
    assert {"Key": "team", "Value": "vitals"} in tags
    assert len(tags) == 6


@pytest.mark.parametrize("limit_seconds", [600, 14_400])
def test_the_step(limit_seconds: int) -> None:
    spec = S3Uri("drx-phi-111122223333", "runs/r/batches/0/spec.json")
    assert emr.reindex_step("drx_step", spec, PHI, limit_seconds=limit_seconds) == {
        "Name": "drx_step",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                "/opt/druid-reindex/bin/druid_index.sh",
                "s3://drx-phi-111122223333/runs/r/batches/0/spec.json",
                "druid-reindex/metadata",
                str(limit_seconds),
            ],
        },
    }


def test_a_journalled_step_is_the_same_command_below_a_pinned_script() -> None:
    step = emr.reindex_step("drx_step", S3Uri("drx-phi-111122223333", "spec.json"), PHI, limit_seconds=60)
    script = S3Uri("artifacts", emr.JOURNALLED_SCRIPT)
    made = emr.journalled(step, script, "d" * 64, {"uri": "s3://a/b", "run": "r"})
    shell, option, _, place, sha256, journal, *command = made["HadoopJarStep"]["Args"]
    assert (shell, option, place, sha256) == ("bash", "-c", "s3://artifacts/bootstrap/journalled.sh", "d" * 64)
    assert journal == '{"protocol":1,"run":"r","uri":"s3://a/b"}'
    assert command == step["HadoopJarStep"]["Args"]
    assert {**made, "HadoopJarStep": step["HadoopJarStep"]} == step


@pytest.mark.parametrize(("own", "level"), [(1, 5), (9, 9)])
def test_a_shared_cluster_is_its_groups_and_takes_steps_side_by_side(own: int, level: int) -> None:
    shape = profile().model_copy(update={"step_concurrency_level": own})
    request = emr.run_job_flow(pipeline(), boundaries(), PHI, shape, RUN)
    shared = emr.shared(request, Group("nightly-1", boundaries().deployment_id, 3))
    changed = {key for key in request if shared[key] != request[key]}
    assert changed - {"StepConcurrencyLevel"} == {"Name", "Tags"}
    assert (shared["Name"], shared["StepConcurrencyLevel"]) == ("druid-reindex-nightly-1-g3", level)
    added = [tag for tag in shared["Tags"] if tag not in request["Tags"]]
    assert added == [
        {"Key": "druid-reindex:group", "Value": "nightly-1"}, {"Key": "druid-reindex:group-generation", "Value": "3"},
    ]  # fmt: skip
    assert len(shared["Tags"]) == len(request["Tags"]) + 2


def test_a_launch_goes_to_the_next_subnet_for_each_failure() -> None:
    request = emr.run_job_flow(pipeline(), boundaries(), PHI, profile(), RUN)
    subnets = ("subnet-a", "subnet-b", "subnet-c")
    found = [emr.placed(request, subnets, failures)["Instances"]["Ec2SubnetId"] for failures in range(5)]
    assert found == ["subnet-a", "subnet-b", "subnet-c", "subnet-a", "subnet-b"]
    assert [emr.has_another_subnet(request, subnets, n) for n in range(5)] == [False, True, True, False, True]
    assert not emr.has_another_subnet(request, subnets[:1], 1)
    assert request["Instances"]["Ec2SubnetId"] == PHI.network.subnet_ids[0]


def test_a_fleet_is_offered_every_subnet_and_emr_chooses() -> None:
    types = (FleetInstance(instance_type="r6g.xlarge", weight=4), FleetInstance(instance_type="r7g.xlarge", weight=4))
    primary = InstanceFleet(role="MASTER", on_demand_units=1, instance_types=types[:1])
    task = InstanceFleet(role="TASK", spot_units=8, instance_types=types)
    shape = profile().model_copy(update={"instance_groups": (), "instance_fleets": (primary, task)})
    request = emr.run_job_flow(pipeline(), boundaries(), PHI, shape, RUN)
    instances = request["Instances"]
    assert instances["Ec2SubnetIds"] == [*PHI.network.subnet_ids]
    assert not {"Ec2SubnetId", "InstanceGroups"} & instances.keys()
    assert "LaunchSpecifications" not in instances["InstanceFleets"][0]
    assert instances["InstanceFleets"][1] == {
        "Name": "task", "InstanceFleetType": "TASK", "TargetOnDemandCapacity": 0, "TargetSpotCapacity": 8,
        "InstanceTypeConfigs": [{"InstanceType": "r6g.xlarge", "WeightedCapacity": 4},
                                {"InstanceType": "r7g.xlarge", "WeightedCapacity": 4}],
        "LaunchSpecifications": {"SpotSpecification": {
            "TimeoutDurationMinutes": 20, "TimeoutAction": "SWITCH_TO_ON_DEMAND",
            "AllocationStrategy": "capacity-optimized"}},
    }  # fmt: skip
    assert not emr.has_another_subnet(request, PHI.network.subnet_ids, 1)


def test_a_secured_request_names_the_configuration_and_no_password() -> None:
    request = emr.run_job_flow(pipeline(), boundaries(), PHI, profile(), RUN)
    assert emr.secured(request, "drx") == request | {"SecurityConfiguration": "drx"}
