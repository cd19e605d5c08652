"""Who asks, and whether a policy's Principal or NotPrincipal names them.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

EVERYBODY = "*"


class Named(StrEnum):
    """How a statement names a principal: itself (or everybody), through its account, or not at all."""

    ITSELF = "itself"
    ACCOUNT = "account"
    NOT = "not"


@dataclass(frozen=True)
class Principal:
    """Who asks.

    `arn` is what AWS writes into messages: a user's or a role session's. `identity` is the user's or the role's ARN,
    whose policies apply. An anonymous principal has neither, a service has its name alone.
    """

    arn: str = ""
    identity: str = ""
    account: str = ""
    service: str = ""

    @property
    def root(self) -> str:
        """The ARN that stands for the principal's whole account."""
        partition = self.arn.split(":")[1] if self.arn.count(":") > 1 else "aws"
        return f"arn:{partition}:iam::{self.account}:root"

    def __str__(self) -> str:
        return self.arn or self.service or "anonymous"


@dataclass(frozen=True)
class Principals:
    """What a Principal element says: `aws` are ARNs, account numbers or `*`; `services` are service principals."""

    aws: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    def names(self, principal: Principal) -> Named:
        """Return how the element names the principal."""
        if EVERYBODY in self.aws or principal.service in self.services:
            return Named.ITSELF
        if not principal.account:
            return Named.NOT
        if {principal.arn, principal.identity} & set(self.aws):
            return Named.ITSELF
        return Named.ACCOUNT if {principal.root, principal.account} & set(self.aws) else Named.NOT

    def spares(self, principal: Principal) -> bool:
        """Return whether, as NotPrincipal, the element leaves the principal out.

        Every ARN that the principal goes by has to stand there: its own, its role's and its account's.
        """
        if principal.service:
            return principal.service in self.services
        listed = set(self.aws)
        own = {principal.arn, principal.identity} - {""}
        return bool(own) and own <= listed and bool({principal.root, principal.account} & listed)


def partly_wild(names: Iterable[str]) -> list[str]:
    """Return the names with a wildcard in them other than the lone `*`: IAM takes no pattern for a principal."""
    return [name for name in names if name != EVERYBODY and ("*" in name or "?" in name)]
