"""Druid's metadata store and its secret, and Redshift.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html,
https://docs.aws.amazon.com/redshift/latest/APIReference/API_CreateCluster.html,
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
"""

from __future__ import annotations

import json
from typing import Any

from druid_reindex.sandbox.aws.cloudformation.resources import Made, Wanted, resource


@resource("AWS::RDS::DBSubnetGroup")
def db_subnet_group(wanted: Wanted) -> Made:
    """Where a database's instances may lie."""
    wanted.client("rds").create_db_subnet_group(**wanted.properties)
    return Made(str(wanted.properties["DBSubnetGroupName"]))


@resource("AWS::RDS::DBClusterParameterGroup", "DBClusterParameterGroupName", "Description", "Family", "Parameters")
def db_parameter_group(wanted: Wanted) -> Made:
    """A database's settings."""
    rds, name = wanted.client("rds"), str(wanted.properties["DBClusterParameterGroupName"])
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=name,
        DBParameterGroupFamily=wanted.properties["Family"],
        Description=wanted.properties["Description"],
    )
    return Made(name)


@resource("AWS::RDS::DBCluster")
def db_cluster(wanted: Wanted) -> Made:
    """An Aurora cluster."""
    secret = wanted.properties.get("MasterUserSecret", {})
    keys = {"MasterUserSecretKmsKeyId": secret["KmsKeyId"]} if secret else {}
    made = wanted.client("rds").create_db_cluster(**wanted.without("MasterUserSecret"), **keys)["DBCluster"]
    return Made(
        made["DBClusterIdentifier"], {"Endpoint.Address": made["Endpoint"], "DBClusterArn": made["DBClusterArn"]}
    )


@resource("AWS::RDS::DBInstance")
def db_instance(wanted: Wanted) -> Made:
    """One server of an Aurora cluster."""
    made = wanted.client("rds").create_db_instance(**wanted.properties)["DBInstance"]
    return Made(made["DBInstanceIdentifier"], {"DBInstanceArn": made["DBInstanceArn"]})


@resource("AWS::SecretsManager::Secret", "Name", "Description", "KmsKeyId", "GenerateSecretString")
def secret(wanted: Wanted) -> Made:
    """A secret with a generated part."""
    manager, asked = wanted.client("secretsmanager"), dict(wanted.properties["GenerateSecretString"])
    template, key = json.loads(asked.pop("SecretStringTemplate")), str(asked.pop("GenerateStringKey"))
    value = template | {key: manager.get_random_password(**asked)["RandomPassword"]}
    made = manager.create_secret(**wanted.without("GenerateSecretString"), SecretString=json.dumps(value))
    return Made(made["ARN"], {"Id": made["ARN"]})


@resource("AWS::Redshift::ClusterSubnetGroup")
def redshift_subnet_group(wanted: Wanted) -> Made:
    """Where Redshift's nodes lie."""
    wanted.client("redshift").create_cluster_subnet_group(
        ClusterSubnetGroupName=wanted.name.lower(), **wanted.properties
    )
    return Made(wanted.name.lower())


@resource("AWS::Redshift::ClusterParameterGroup", "Description", "ParameterGroupFamily", "Parameters")
def redshift_parameter_group(wanted: Wanted) -> Made:
    """Redshift's settings."""
    wanted.client("redshift").create_cluster_parameter_group(
        ParameterGroupName=wanted.name.lower(), **wanted.without("Parameters")
    )
    return Made(wanted.name.lower())


@resource("AWS::Redshift::Cluster")
def redshift_cluster(wanted: Wanted) -> Made:
    """A Redshift cluster, and where it writes its logs."""
    redshift, logging = wanted.client("redshift"), wanted.properties.get("LoggingProperties")
    made: dict[str, Any] = redshift.create_cluster(**wanted.without("LoggingProperties"))["Cluster"]
    name = str(made["ClusterIdentifier"])
    if logging:
        redshift.enable_logging(ClusterIdentifier=name, **logging)
    return Made(name)
