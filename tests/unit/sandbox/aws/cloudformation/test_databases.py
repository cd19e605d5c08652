"""The metadata store, its secret, and Redshift, each under its key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from druid_reindex.sandbox.aws.cloudformation.resources import Made

KEY = "arn:aws:kms:us-east-1:111122223333:key/66666666-6666-4666-8666-666666666666"


def test_a_secret_is_its_template_with_a_generated_password(
    make: Callable[..., Made], aws: Callable[[str], Any]
) -> None:
    generate = {"SecretStringTemplate": '{"user": "druid"}', "GenerateStringKey": "password", "PasswordLength": 40}
    asked = {"Name": "store", "Description": "the store", "KmsKeyId": KEY, "GenerateSecretString": generate}
    made = make("AWS::SecretsManager::Secret", asked)
    value = json.loads(aws("secretsmanager").get_secret_value(SecretId=made.id)["SecretString"])
    assert (value["user"], len(value["password"])) == ("druid", 40)
    assert aws("secretsmanager").describe_secret(SecretId="store")["KmsKeyId"] == KEY


def test_the_metadata_store_is_encrypted_and_has_an_address(
    make: Callable[..., Made], aws: Callable[[str], Any]
) -> None:
    make("AWS::KMS::Key", {"Description": "Druid", "KeyPolicy": {}}, "DruidKey")
    parameters = {"DBClusterParameterGroupName": "store", "Description": "TLS", "Family": "aurora-postgresql16"}
    group = make("AWS::RDS::DBClusterParameterGroup", parameters | {"Parameters": {"rds.force_ssl": "1"}})
    asked = {
        "DBClusterIdentifier": "store",
        "Engine": "aurora-postgresql",
        "MasterUsername": "owner",
        "ManageMasterUserPassword": True,
        "MasterUserSecret": {"KmsKeyId": KEY},
        "StorageEncrypted": True,
        "KmsKeyId": KEY,
        "DBClusterParameterGroupName": group.id,
    }
    store = make("AWS::RDS::DBCluster", asked)
    instance = {"DBInstanceIdentifier": "store-1", "DBClusterIdentifier": store.id, "DBInstanceClass": "db.r6g.large"}
    made = make("AWS::RDS::DBInstance", instance | {"Engine": "aurora-postgresql"})
    (found,) = aws("rds").describe_db_clusters(DBClusterIdentifier=store.id)["DBClusters"]
    assert (found["StorageEncrypted"], found["KmsKeyId"]) == (True, KEY)
    assert found["Endpoint"] == store.attributes["Endpoint.Address"]
    assert [each["DBInstanceIdentifier"] for each in found["DBClusterMembers"]] == [made.id]


def test_redshift_is_encrypted_and_logs(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    settings = {"Description": "TLS", "ParameterGroupFamily": "redshift-1.0", "Parameters": []}
    group = make("AWS::Redshift::ClusterParameterGroup", settings, "Settings")
    asked = {
        "ClusterIdentifier": "nights",
        "NodeType": "ra3.large",
        "MasterUsername": "owner",
        "ManageMasterPassword": True,
        "Encrypted": True,
        "KmsKeyId": KEY,
        "ClusterParameterGroupName": group.id,
        "LoggingProperties": {"LogDestinationType": "cloudwatch", "LogExports": ["userlog"]},
    }
    made = make("AWS::Redshift::Cluster", asked)
    (found,) = aws("redshift").describe_clusters(ClusterIdentifier=made.id)["Clusters"]
    assert (found["Encrypted"], found["KmsKeyId"]) == (True, KEY)
    assert aws("redshift").describe_logging_status(ClusterIdentifier="nights")["LogExports"] == ["userlog"]


def test_databases_lie_in_the_subnets_that_are_named(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    subnets = [each["SubnetId"] for each in aws("ec2").describe_subnets()["Subnets"][:2]]
    rds = {"DBSubnetGroupName": "store", "DBSubnetGroupDescription": "private", "SubnetIds": subnets}
    make("AWS::RDS::DBSubnetGroup", rds)
    redshift = make("AWS::Redshift::ClusterSubnetGroup", {"Description": "private", "SubnetIds": subnets}, "Nights").id
    (store,) = aws("rds").describe_db_subnet_groups(DBSubnetGroupName="store")["DBSubnetGroups"]
    (nights,) = aws("redshift").describe_cluster_subnet_groups(ClusterSubnetGroupName=redshift)["ClusterSubnetGroups"]
    for group in (store, nights):
        assert sorted(each["SubnetIdentifier"] for each in group["Subnets"]) == sorted(subnets)
