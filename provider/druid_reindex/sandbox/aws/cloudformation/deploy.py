"""Deploys the shipped stacks in their order, each one's outputs being the parameters of later ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from moto import mock_aws
from moto.cloudformation.utils import yaml_tag_constructor

from druid_reindex.sandbox.aws.cloudformation import databases, identities, keys, network, storage, watching
from druid_reindex.sandbox.aws.cloudformation.resources import client, install, refuse_unknown
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

HANDLER_MODULES = (databases, identities, keys, network, storage, watching)
REPLICA_REGION = "us-west-2"
# In this order: a stack's parameter is an earlier stack's output of the same name.
STACKS = (
    "replica", "keys", "network", "storage", "evidence", "identities", "trail", "alerts", "druid", "redshift",
)  # fmt: skip


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's tags."""


_Loader.add_multi_constructor("", yaml_tag_constructor)


def deploy(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Create every stack of `folder` and return all outputs. Raises what AWS would answer to a template that is wrong.

    To be called before the account serves its first request: the calls stay inside this process.
    """
    install()
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    outputs: dict[str, str] = {}
    calls = mock_aws()
    calls.start(reset=False)
    try:
        for stack in STACKS:
            text = (folder / f"{stack}.yaml").read_text(encoding="utf-8")
            outputs |= _create(stack, text, {**given, **outputs})
    finally:
        calls.stop(remove_data=False)
        client.cache_clear()
    return outputs


def region_of(stack: str) -> str:
    """Return the Region in which the stack is deployed."""
    return REPLICA_REGION if stack == "replica" else REGION


def template(text: str) -> dict[str, Any]:
    """Return a template as a document, with functions in their long form."""
    document: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    return document


def _create(stack: str, text: str, known: Mapping[str, str]) -> dict[str, str]:
    document = template(text)
    refuse_unknown(document["Resources"])
    # Defaults are given as well: moto takes one of a list for a single value.
    values = {name: known.get(name, slot.get("Default")) for name, slot in document["Parameters"].items()}
    parameters = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in values.items() if value is not None
    ]
    cloudformation = client("cloudformation", region_of(stack))
    name = f"druid-reindex-{stack}"
    cloudformation.create_stack(
        StackName=name, TemplateBody=text, Parameters=parameters, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    (made,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
