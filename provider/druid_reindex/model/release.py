"""EMR's release labels as values that can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_LABEL = re.compile(r"emr-(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """One EMR release."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, label: str) -> Self:
        """The release that the label names. Raises ValueError when it is no ``emr-x.y.z``."""
        match = _LABEL.fullmatch(label)
        if match is None:
            raise ValueError(f"{label!r} is no EMR release: write emr-x.y.z")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"emr-{self.major}.{self.minor}.{self.patch}"


JAVA, JAVA_BEFORE = 17, 8
FIRST_WITH_JAVA_17 = Release(7, 0)


@dataclass(frozen=True, slots=True)
class Floor:
    """Since which releases EMR has something: the first one of each major, those after it, and none of ``without``."""

    since: tuple[Release, ...]
    without: tuple[Release, ...] = ()

    def allows(self, release: Release) -> bool:
        """Whether ``release`` has it."""
        if release in self.without:
            return False
        own = [first for first in self.since if first.major == release.major]
        return release >= own[0] if own else release > max(self.since)

    def __str__(self) -> str:
        since = " or ".join(map(str, self.since))
        return f"{since} and later{''.join(f', not {each}' for each in self.without)}"


# Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html (each option)
# Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html (LogEncryptionKmsKeyId, fleets)
# Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html
FLOORS = {
    "private subnets": Floor((Release(4, 2),)),
    "security configurations": Floor((Release(4, 8),)),
    "instance fleets": Floor((Release(4, 8), Release(5, 1))),
    "Kerberos": Floor((Release(5, 10),)),
    "EMRFS role mappings": Floor((Release(5, 10),)),
    "an external KDC": Floor((Release(5, 20),)),
    "EBS encryption": Floor((Release(5, 24),)),
    "a KMS key for the log archive": Floor((Release(5, 30),), (Release(6, 0),)),
    "auto-termination": Floor((Release(5, 30), Release(6, 1))),
    "IMDSv2 by security configuration": Floor((Release(5, 32), Release(6, 2))),
    "Ranger": Floor((Release(5, 32), Release(6, 3))),
    "runtime roles": Floor((Release(6, 7),)),
}


def lacks(label: str, *features: str) -> list[str]:
    """Why the release of this label cannot do one of ``features``, named as in ``FLOORS``; none when it can do all."""
    try:
        release = Release.parse(label)
    except ValueError as error:
        return [str(error)]
    return [f"{label} has not: {feature}" for feature in features if not FLOORS[feature].allows(release)]


def java_of(label: str) -> int | None:
    """The Java that Hadoop runs on in that release, unless configured otherwise; None for no release label.

    Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/configuring-java8.html
    """
    try:
        return JAVA if Release.parse(label) >= FIRST_WITH_JAVA_17 else JAVA_BEFORE
    except ValueError:
        return None
