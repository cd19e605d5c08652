"""Resource types that the account's CloudFormation knows: each made by one function, from a template's properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.core.common_models import CloudFormationModel

# CloudFormation's own attributes of a resource, which make nothing.
_ATTRIBUTES = {"Type", "Properties", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}


@dataclass(frozen=True)
class Wanted:
    """One resource of a template, with every function resolved; `name` is for what has no name of its own."""

    type: str
    logical_id: str
    name: str
    region: str
    properties: Mapping[str, Any]

    def client(self, service: str) -> Any:
        """Return the boto3 client by which it is made."""
        return client(service, self.region)

    def without(self, *names: str) -> dict[str, Any]:
        """Return the properties without these."""
        return {name: value for name, value in self.properties.items() if name not in names}


@dataclass(frozen=True)
class Made:
    """What exists now: what `Ref` and what `Fn::GetAtt` give."""

    id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Wanted], Made]
HANDLERS: dict[str, Handler] = {}
# What a template may say and the account does not tell again: moto drops it, or AWS asks for it only later.
NOT_KEPT = {
    "AWS::KMS::Key": "PendingWindowInDays",
    "AWS::S3::Bucket": "ReplicationConfiguration.Rules.SourceSelectionCriteria",
    "AWS::RDS::DBClusterParameterGroup": "Parameters",
    "AWS::Redshift::ClusterParameterGroup": "Parameters",
}


def resource(kind: str, *properties: str) -> Callable[[Handler], Handler]:
    """Register the function that makes resources of the type `kind`.

    Its properties are those named; with none named all of them go to boto3, which refuses what it does not know.
    """

    def register(handler: Handler) -> Handler:
        def checked(wanted: Wanted) -> Made:
            unknown = wanted.properties.keys() - set(properties) if properties else set()
            if unknown:
                raise ValidationError(message=f"{wanted.logical_id}: {kind} without {', '.join(sorted(unknown))} here")
            return handler(wanted)

        HANDLERS[kind] = checked
        return handler

    return register


def install() -> None:
    """Let moto's CloudFormation make resources by these handlers, and refuse types that nobody makes.

    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
    """
    ours = {
        kind: type(kind, (_Resource,), {"kind": kind, "make": staticmethod(handler)})
        for kind, handler in HANDLERS.items()
    }

    def class_of(kind: str) -> type[CloudFormationModel]:
        known = ours.get(kind) or parsing.get_model_map().get(kind)
        if known is None:
            raise ValidationError(message=f"Template format error: Unrecognized resource types: [{kind}]")
        return known

    setattr(parsing, "resource_class_from_type", class_of)  # noqa: B010 - not a name that moto exports


def refuse_unknown(resources: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise moto's ValidationError when a resource is of a type, or has an attribute, that is not made here."""
    unknown = sorted({str(each["Type"]) for each in resources.values()} - HANDLERS.keys())
    if unknown:
        raise ValidationError(message=f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    for name, each in resources.items():
        if strange := each.keys() - _ATTRIBUTES:
            raise ValidationError(message=f"{name}: attributes that are not emulated: {', '.join(sorted(strange))}")


@cache
def client(service: str, region: str) -> Any:
    """Return a boto3 client that ignores what the environment says about endpoints and identities."""
    quiet: dict[str, Any] = {"ignore_configured_endpoint_urls": True}
    return _session().client(service, region_name=region, config=Config(**quiet))


@cache
def _session() -> Any:
    """One for all clients: it reads each service's description once; nobody judges its calls, so any key does."""
    return boto3.Session(aws_access_key_id="AKIADEPLOYERDEPLOYER", aws_secret_access_key="of-the-deployment")  # noqa: S106


class _Resource(CloudFormationModel):
    """What moto makes, names and describes; one subclass for each type."""

    kind: ClassVar[str] = ""
    make: ClassVar[Handler]

    def __init__(self, made: Made) -> None:
        self.physical_resource_id = made.id
        self._attributes = made.attributes

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "none: a type of ours is found by `install`"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        del attr
        return True

    def get_cfn_attribute(self, attribute_name: str) -> str:
        # Of a dotted name moto asks for the first part alone.
        found = [value for name, value in self._attributes.items() if name.partition(".")[0] == attribute_name]
        if len(found) != 1:
            raise UnformattedGetAttTemplateException
        return found[0]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> _Resource:
        del account_id
        properties = cloudformation_json.get("Properties", {})
        return cls(cls.make(Wanted(cls.kind, kwargs["LogicalId"], resource_name, region_name, properties)))

    @classmethod
    def update_from_cloudformation_json(cls, *_: Any, **__: Any) -> _Resource:
        raise ValidationError(message=f"Updating {cls.kind} is not emulated.")

    @classmethod
    def delete_from_cloudformation_json(cls, *_: Any, **__: Any) -> None:
        raise ValidationError(message=f"Deleting {cls.kind} is not emulated.")

    def is_created(self) -> bool:
        return True
