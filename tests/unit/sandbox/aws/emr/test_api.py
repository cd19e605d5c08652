"""The operations that are answered are botocore's."""

from __future__ import annotations

import botocore.session

from druid_reindex.sandbox.aws.emr.api import COMMANDS, MOTO_OPERATIONS, QUERIES

OPERATIONS = set(botocore.session.Session().get_service_model("emr").operation_names)
# What the product, its clean-up and `aws emr` call.
CALLED = {
    "RunJobFlow",
    "DescribeCluster",
    "ListClusters",
    "TerminateJobFlows",
    "AddJobFlowSteps",
    "DescribeStep",
    "ListSteps",
    "CancelSteps",
    "ListInstances",
    "ListInstanceGroups",
    "ListBootstrapActions",
    "AddTags",
    "RemoveTags",
    "SetTerminationProtection",
    "ModifyCluster",
    "PutAutoTerminationPolicy",
    "GetAutoTerminationPolicy",
    "RemoveAutoTerminationPolicy",
    "CreateSecurityConfiguration",
    "DescribeSecurityConfiguration",
    "ListSecurityConfigurations",
    "DeleteSecurityConfiguration",
}


def test_every_operation_is_one_of_emrs() -> None:
    answered = COMMANDS.keys() | QUERIES.keys() | MOTO_OPERATIONS
    assert answered <= OPERATIONS
    assert answered >= CALLED


def test_no_operation_has_two_answers() -> None:
    assert not COMMANDS.keys() & QUERIES.keys()
