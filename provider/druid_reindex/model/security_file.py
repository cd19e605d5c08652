"""Files about security: the short ones of ``emr_configs/security/``, and EMR's own documents in JSON or YAML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.field_errors import defects, load
from druid_reindex.model.security_configuration import SecurityConfiguration
from druid_reindex.model.security_rules import RULES, Rule, Setting, broken
from druid_reindex.model.yaml_file import Defect, read_yaml, shown


def load_security(configs: Path, name: str) -> ClusterSecurity:
    """The file ``name`` of ``configs/security/``. Raises ConfigurationError that names every wrong field."""
    path = configs / "security" / f"{name}.yaml"
    if not path.is_file():
        raise ConfigurationError(
            "read a cluster's security",
            resource=str(path),
            came_back="there is no such file",
            remedy=f"name one of these: {', '.join(security_names(configs)) or 'none'}",
        )
    file = read_yaml(path)
    found = load(file, ClusterSecurity)
    file.refuse(_contradictions(found, name))
    return found


def security_names(configs: Path) -> tuple[str, ...]:
    """The files of ``configs/security/``, in order."""
    return tuple(sorted(file.stem for file in (configs / "security").glob("*.yaml")))


def load_document(path: Path, rules: Iterable[Rule] = (), setting: Setting | None = None) -> SecurityConfiguration:
    """EMR's document in ``path``, judged by EMR's rules and ``rules``.

    Raises one ConfigurationError that names everything that is wrong by file, line, field, value and remedy.
    """
    file = read_yaml(path)
    document, found = judged(file.content, rules, setting)
    if found or document is None:
        raise file.error(found)
    return document


def judged(
    content: Mapping[str, Any], rules: Iterable[Rule] = (), setting: Setting | None = None
) -> tuple[SecurityConfiguration | None, list[Defect]]:
    """EMR's document in ``content``, None when it is none, and everything that is wrong with it."""
    every, setting = (*RULES, *rules), setting or Setting()
    try:
        document = SecurityConfiguration.model_validate(content)
    except ValidationError as error:
        found = defects(SecurityConfiguration, content, error)
        wrong = {str(each.field[0]) for each in found if each.field}
        sound = {name: section for name, section in content.items() if name not in wrong and section is not None}
        return None, [*found, *broken(every, SecurityConfiguration.model_validate(sound), setting, wrong)]
    return document, broken(every, document, setting)


def _contradictions(found: ClusterSecurity, name: str) -> Iterator[Defect]:
    if found.name != name:
        yield Defect(("name",), shown(found.name), f"a security file is named as its file: write {name}")
    if found.ebs and not found.local_disks:
        yield Defect(
            ("ebs",), "true without local_disks", "EMR sets both in one block: turn local_disks on, or ebs off"
        )
    if found.s3_other_buckets and found.s3 == "none":
        yield Defect(("s3_other_buckets",), "buckets beside s3: none", "write how the others are encrypted in s3")
    if found.certificate_provider is not None and not found.in_transit:
        yield Defect(("certificate_provider",), "a provider beside in_transit: false", "leave it out, or write true")
    if found.kerberos is not None and found.kerberos.cross_realm_trust and found.kerberos.kdc == "external":
        remedy = "the trust is the external KDC's own: leave it out, or write kdc: dedicated"
        yield Defect(("kerberos", "cross_realm_trust"), "true beside kdc: external", remedy)
    buckets = [each.bucket for each in found.s3_other_buckets]
    for i, bucket in enumerate(buckets):
        if bucket in buckets[:i]:
            yield Defect(("s3_other_buckets", i, "bucket"), f"{shown(bucket)} a second time", "keep one of them")
