"""What watches the account: the trail, log groups, alerts, and the rules before Druid's load balancer.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html,
https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html
"""

from __future__ import annotations

import json

from druid_reindex.sandbox.aws.cloudformation.resources import Made, Wanted, resource
from druid_reindex.sandbox.aws.site import ACCOUNT


@resource("AWS::Logs::LogGroup", "LogGroupName", "KmsKeyId", "RetentionInDays")
def log_group(wanted: Wanted) -> Made:
    """A log group under its key."""
    logs, name = wanted.client("logs"), str(wanted.properties["LogGroupName"])
    logs.create_log_group(logGroupName=name, kmsKeyId=wanted.properties["KmsKeyId"])
    logs.put_retention_policy(logGroupName=name, retentionInDays=wanted.properties["RetentionInDays"])
    return Made(name, {"Arn": f"arn:aws:logs:{wanted.region}:{ACCOUNT}:log-group:{name}:*"})


@resource("AWS::CloudTrail::Trail")
def trail(wanted: Wanted) -> Made:
    """A trail that logs from now on."""
    cloudtrail, name = wanted.client("cloudtrail"), str(wanted.properties["TrailName"])
    renamed = {"Name": name, "KmsKeyId": wanted.properties["KMSKeyId"]}
    made = cloudtrail.create_trail(**wanted.without("TrailName", "KMSKeyId", "IsLogging", "EventSelectors"), **renamed)
    cloudtrail.put_event_selectors(TrailName=name, EventSelectors=wanted.properties["EventSelectors"])
    if wanted.properties["IsLogging"]:
        cloudtrail.start_logging(Name=name)
    return Made(name, {"Arn": made["TrailARN"]})


@resource("AWS::SNS::Topic", "TopicName", "KmsMasterKeyId")
def topic(wanted: Wanted) -> Made:
    """A topic under its key."""
    attributes = {"KmsMasterKeyId": wanted.properties["KmsMasterKeyId"]}
    made = wanted.client("sns").create_topic(Name=wanted.properties["TopicName"], Attributes=attributes)["TopicArn"]
    return Made(made, {"TopicArn": made})


@resource("AWS::SNS::TopicPolicy", "Topics", "PolicyDocument")
def topic_policy(wanted: Wanted) -> Made:
    """A topic's policy."""
    document = json.dumps(wanted.properties["PolicyDocument"])
    for arn in wanted.properties["Topics"]:
        wanted.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    return Made(wanted.name)


@resource("AWS::Events::Rule", "Name", "State", "EventPattern", "Targets")
def event_rule(wanted: Wanted) -> Made:
    """A rule that tells of events."""
    events, name = wanted.client("events"), str(wanted.properties["Name"])
    pattern = json.dumps(wanted.properties["EventPattern"])
    made = events.put_rule(Name=name, State=wanted.properties["State"], EventPattern=pattern)
    events.put_targets(Rule=name, Targets=wanted.properties["Targets"])
    return Made(name, {"Arn": made["RuleArn"]})


@resource("AWS::WAFv2::WebACL")
def web_acl(wanted: Wanted) -> Made:
    """Rules before a load balancer."""
    made = wanted.client("wafv2").create_web_acl(**wanted.properties)["Summary"]
    return Made(f"{made['Name']}|{made['Id']}|{wanted.properties['Scope']}", {"Arn": made["ARN"], "Id": made["Id"]})


@resource("AWS::WAFv2::WebACLAssociation")
def web_acl_association(wanted: Wanted) -> Made:
    """Which load balancer the rules stand before."""
    wanted.client("wafv2").associate_web_acl(**wanted.properties)
    return Made(f"{wanted.properties['WebACLArn']}|{wanted.properties['ResourceArn']}")
