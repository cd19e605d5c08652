"""Which EMR release can do what, and which Java it runs.

Sources: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html,
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-debugging.html,
https://docs.aws.amazon.com/emr/latest/ReleaseGuide/configuring-java8.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Version = tuple[int, int, int]
_LABEL = re.compile(r"emr-(\d+)\.(\d+)\.(\d+)")
# The first release of each line of releases that has the feature, and those that lack it in spite of that.
FLOORS: Mapping[str, Version] = {
    "security configurations": (4, 8, 0),
    "private subnets": (4, 2, 0),
    "Kerberos": (5, 10, 0),
    "an external KDC": (5, 20, 0),
    "EBS encryption": (5, 24, 0),
    "encrypted logs": (5, 30, 0),
    "IMDSv2": (5, 32, 0),
}
_NOT_IN: Mapping[str, frozenset[Version]] = {
    "encrypted logs": frozenset({(6, 0, 0)}),
    "IMDSv2": frozenset({(6, 0, 0), (6, 0, 1), (6, 1, 0), (6, 1, 1)}),
}


def version_of(label: str) -> Version | None:
    """The release's numbers; None for a text that is no release label."""
    match = _LABEL.fullmatch(label)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def lacks(label: str, *features: str) -> list[str]:
    """Why the release cannot do one of ``features`` (named as in ``FLOORS``); none when it can do all."""
    version = version_of(label)
    if version is None:
        return [f"{label!r} is no release label"]
    return [
        f"{label} has no {feature}"
        for feature in features
        if version < FLOORS[feature] or version in _NOT_IN.get(feature, ())
    ]


def java_of(label: str) -> int | None:
    """The Java that Hadoop runs on in that release, unless configured otherwise; None for no release label.

    Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/configuring-java8.html
    """
    version = version_of(label)
    if version is None:
        return None
    return 17 if version >= (7, 0, 0) else 8
