"""Hadoop properties with which a profile would take back what its own security turns on.

A job carries its own value of most properties, and a cluster's configurations stand above what EMR sets, so that one
word in a profile could turn encryption off: of names that protect something, the protecting value alone is taken.
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-support-matrix.html
Source: https://hadoop.apache.org/docs/r3.3.6/hadoop-project-dist/hadoop-common/SecureMode.html
Source: https://hadoop.apache.org/docs/r3.3.6/hadoop-aws/tools/hadoop-aws/encryption.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

PROTECTING: Mapping[str, str] = {
    "hadoop.security.authentication": "kerberos",
    "hadoop.security.authorization": "true",
    "hadoop.rpc.protection": "privacy",
    "dfs.data.transfer.protection": "privacy",
    "dfs.encrypt.data.transfer": "true",
    "dfs.encrypt.data.transfer.cipher.suites": "AES/CTR/NoPadding",
    "dfs.block.access.token.enable": "true",
    "dfs.permissions.enabled": "true",
    "dfs.http.policy": "HTTPS_ONLY",
    "yarn.http.policy": "HTTPS_ONLY",
    "yarn.acl.enable": "true",
    "mapreduce.jobhistory.http.policy": "HTTPS_ONLY",
    "mapreduce.shuffle.ssl.enabled": "true",
    "fs.s3a.connection.ssl.enabled": "true",
    "fs.s3a.encryption.algorithm": "SSE-KMS",
    "fs.s3a.server-side-encryption-algorithm": "SSE-KMS",
}
"""The value of each property that protects something."""
# The boundary names the keys.
_KEYS = ("fs.s3a.encryption.key", "fs.s3a.server-side-encryption.key")
_S3A, _OF_A_BUCKET = "fs.s3a.", "fs.s3a.bucket."


def weakened(profile: ClusterProfile) -> Iterator[Defect]:
    """Each property that would weaken what the profile's security turns on; none for a profile without security."""
    if profile.security is None:
        return
    yield from _weaker(("job", "properties"), profile.job.properties)
    yield from _in_configurations(("configurations",), profile.configurations)


def _in_configurations(at: FieldPath, configurations: Sequence[object]) -> Iterator[Defect]:
    """EMR's configurations, which may hold further ones.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_Configuration.html
    """
    for i, configuration in enumerate(configurations):
        if not isinstance(configuration, Mapping):
            continue
        properties, more = configuration.get("Properties"), configuration.get("Configurations")
        if isinstance(properties, Mapping):
            yield from _weaker((*at, i, "Properties"), properties)
        if isinstance(more, Sequence) and not isinstance(more, str):
            yield from _in_configurations((*at, i, "Configurations"), more)


def _weaker(at: FieldPath, properties: Mapping[str, object]) -> Iterator[Defect]:
    for name, value in properties.items():
        plain, found = _of_all_buckets(name.strip()), str(value).strip()
        if plain in _KEYS:
            yield Defect((*at, name), "a key of its own", "leave it out: the boundary names the key")
        elif plain in PROTECTING and found.casefold() != PROTECTING[plain].casefold():
            remedy = f"it would weaken what the profile's security turns on: leave it out, or write {PROTECTING[plain]}"
            yield Defect((*at, name), shown(found), remedy)


def _of_all_buckets(name: str) -> str:
    """The name of the property that S3A reads for every bucket, where ``name`` is about one bucket."""
    if not name.startswith(_OF_A_BUCKET):
        return name
    own = [each for each in (*PROTECTING, *_KEYS) if each.startswith(_S3A)]
    return next((each for each in own if name.endswith(f".{each.removeprefix(_S3A)}")), name)
