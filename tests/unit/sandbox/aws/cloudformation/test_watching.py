"""The trail, log groups, alerts and the rules before Druid."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from druid_reindex.sandbox.aws.cloudformation.resources import Made

KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"


def test_a_trail_logs_what_it_is_told_to(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    aws("s3").create_bucket(Bucket="trail")
    objects = [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::data/"]}]
    selectors = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": objects}]
    asked = {
        "TrailName": "all",
        "IsLogging": True,
        "S3BucketName": "trail",
        "KMSKeyId": KEY,
        "EventSelectors": selectors,
    }
    make("AWS::CloudTrail::Trail", asked)
    cloudtrail = aws("cloudtrail")
    (found,) = cloudtrail.describe_trails()["trailList"]
    assert (found["Name"], found["KmsKeyId"]) == ("all", KEY)
    assert cloudtrail.get_trail_status(Name="all")["IsLogging"]
    assert cloudtrail.get_event_selectors(TrailName="all")["EventSelectors"] == selectors


def test_a_log_group_is_kept_as_long_as_it_says(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    made = make("AWS::Logs::LogGroup", {"LogGroupName": "flows", "KmsKeyId": KEY, "RetentionInDays": 2192})
    (found,) = aws("logs").describe_log_groups()["logGroups"]
    assert (found["retentionInDays"], found["kmsKeyId"], found["arn"]) == (2192, KEY, made.attributes["Arn"])


def test_an_event_is_told_to_a_topic_under_its_key(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    topic = make("AWS::SNS::Topic", {"TopicName": "alerts", "KmsMasterKeyId": KEY}).id
    statement = {"Sid": "Tell", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                 "Action": "sns:Publish", "Resource": topic}  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    make("AWS::SNS::TopicPolicy", {"Topics": [topic], "PolicyDocument": policy})
    found = aws("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (found["KmsMasterKeyId"], json.loads(found["Policy"])) == (KEY, policy)
    pattern = {"detail": {"eventName": ["StopLogging"]}}
    targets = [{"Id": "alerts", "Arn": topic}]
    make("AWS::Events::Rule", {"Name": "told", "State": "ENABLED", "EventPattern": pattern, "Targets": targets})
    assert json.loads(aws("events").describe_rule(Name="told")["EventPattern"]) == pattern
    assert aws("events").list_targets_by_rule(Rule="told")["Targets"] == targets


def test_rules_stand_before_a_load_balancer(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    shown = {"CloudWatchMetricsEnabled": True, "MetricName": "druid", "SampledRequestsEnabled": False}
    asked = {"Name": "druid", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": shown}
    acl = make("AWS::WAFv2::WebACL", asked).attributes["Arn"]
    subnets = [each["SubnetId"] for each in aws("ec2").describe_subnets()["Subnets"][:2]]
    (balancer,) = aws("elbv2").create_load_balancer(Name="router", Subnets=subnets)["LoadBalancers"]
    arn = balancer["LoadBalancerArn"]
    make("AWS::WAFv2::WebACLAssociation", {"WebACLArn": acl, "ResourceArn": arn})
    assert aws("wafv2").get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["ARN"] == acl
