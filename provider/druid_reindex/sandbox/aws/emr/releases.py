"""The EMR releases that the sandbox can run, and the Hadoop version each carries.

Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-app-versions-7.x.html
"""

from __future__ import annotations

HADOOP_VERSIONS = (
    {f"emr-7.{minor}.0": "3.3.6" for minor in range(4)}
    | {f"emr-7.{minor}.0": "3.4.0" for minor in range(4, 7)}
    | {f"emr-7.{minor}.0": "3.4.1" for minor in range(7, 13)}
)
APPLICATIONS = frozenset({"Hadoop"})


def hadoop_version(release_label: str) -> str | None:
    """Return the Hadoop version of the release; None when the sandbox has no such release."""
    return HADOOP_VERSIONS.get(release_label)
