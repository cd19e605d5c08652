"""Pipeline, boundary, profile and security: what does not go together is refused when the pipeline is parsed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import wrong_security
from changed_configs import PIPELINE, changed_configs, rewrite
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries, load_shape
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan.pairing import refuse_pairing
from emr_documents import GONE
from jdbc_source import TABLE, configs_with_database
from wrong_security import PAIRINGS, REALM, Wrong

SECURE = {"cluster.profile": "secure_step", "submit": "emr_step"}


def pair(configs: Path, file: Path, *, named: bool = True) -> None:
    boundaries = load_boundaries(configs)
    pipeline = load_pipeline(file, boundaries)
    profile, security = load_shape(configs, pipeline.cluster.profile)
    refuse_pairing(pipeline, boundaries, profile, security, file=file if named else None)


def pipeline_file(folder: Path, **changes: object) -> Path:
    return rewrite(Path(shutil.copy(PIPELINE, folder / "patient_vitals.yaml")), SECURE | changes)


@pytest.mark.parametrize("case", PAIRINGS, ids=lambda case: case.what)
def test_a_wrong_pair_is_refused_with_line_field_and_remedy(case: Wrong, tmp_path: Path) -> None:
    configs, file = changed_configs(tmp_path, case.also), pipeline_file(tmp_path, **case.changes)
    with pytest.raises(ConfigurationError) as refusal:
        pair(configs, file)
    told = [line for line in str(refusal.value).splitlines() if f": {case.field}: found" in line]
    assert any(case.remedy in line for line in told), str(refusal.value)
    assert all(line.startswith(f"{file}:") for line in told)
    with pytest.raises(ConfigurationError) as unnamed:
        pair(configs, file, named=False)
    assert case.remedy in str(unnamed.value)


def test_a_database_is_unloaded_on_nodes_with_java_17(tmp_path: Path) -> None:
    configs, file = configs_with_database(tmp_path), pipeline_file(tmp_path, unloads=[TABLE])
    pair(configs, file)
    rewrite(configs / "profiles" / "secure_step.yaml", {"release_label": "emr-6.15.0"})
    with pytest.raises(ConfigurationError, match=r"unloads\[0\]\.jdbc: .*'emr-6.15.0'; .*take a profile of emr-7.0.0"):
        pair(configs, file)


@pytest.mark.parametrize(
    ("submit", "also"),
    [
        ("emr_step", {}),
        ("overlord", {"profiles/secure_step.yaml": {"security": "external_kdc"}}),
        ("overlord", {"boundaries.yaml": {"phi.kerberos.trusted_realm": REALM},
                      "security/dedicated_kdc.yaml": {"kerberos.cross_realm_trust": True}}),
        ("emr_step", {"boundaries.yaml": {"phi.kerberos.trusted_realm": REALM},
                      "security/dedicated_kdc.yaml": {"kerberos.cross_realm_trust": True}}),
        ("emr_step", {"boundaries.yaml": {"phi.network.tenancy": "dedicated"},
                      "profiles/secure_step.yaml": {"tenancy": "dedicated"}}),
    ],
)  # fmt: skip
def test_sound_pairs(submit: str, also: dict[str, dict[str, object]], tmp_path: Path) -> None:
    pair(changed_configs(tmp_path, also), pipeline_file(tmp_path, submit=submit))


def test_a_general_pipeline_may_have_no_security_or_a_weaker_one(tmp_path: Path) -> None:
    general = {"datasource": "shop_visits", "classification": "general", "declared_actors": []}
    pair(changed_configs(tmp_path, {}), pipeline_file(tmp_path, **general, **{"cluster.profile": "small"}))
    weaker = {"s3": "SSE-S3", "local_disks": False, "ebs": False, "in_transit": False, "kerberos": None}
    (tmp_path / "weak").mkdir()
    configs = changed_configs(tmp_path / "weak", {"security/dedicated_kdc.yaml": weaker})
    pair(configs, pipeline_file(tmp_path, **general))
    nothing = weaker | {"s3": "none", "authorization": GONE}
    nothing.pop("authorization")
    (tmp_path / "none").mkdir()
    pair(
        changed_configs(tmp_path / "none", {"security/dedicated_kdc.yaml": nothing}), pipeline_file(tmp_path, **general)
    )


def test_the_table_is_long_and_each_case_stands_once() -> None:
    tables = ("DOCUMENTS", "UNSAFE", "RELEASES", "PROFILES", "SECURITY", "BOUNDARIES", "PAIRINGS")
    counts = {name: len({case.what + case.field for case in getattr(wrong_security, name)}) for name in tables}
    assert counts == {name: len(getattr(wrong_security, name)) for name in tables}
    assert sum(counts.values()) >= 150
