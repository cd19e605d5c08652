"""What the step is told that makes tokens."""

from __future__ import annotations

from druid_reindex.model.transfer import FileFormat, Token, TokenKey, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.manifest import Manifest, ManifestFile
from druid_reindex.plan.purge import KeyFile
from druid_reindex.plan.tokens import SCRIPT, tokenise_spec, withholding
from timelines import CONFIGS, boundaries, pipeline

PHI = boundaries().phi
FOLDER = S3Uri.parse(PHI.runs_uri) / "r/prepared/claims/g1"
SOURCE = S3Uri.parse(PHI.runs_uri) / "r/unload/claims/1"
MANIFEST = Manifest(SOURCE / "manifest", (ManifestFile(SOURCE / "a.bz2", 10, 3),), "d")
KEY = TokenKey(secret_id="druid-reindex/tokens/phi/p", version_id="1" * 32)
UNLOAD = Unload(
    name="claims", sql="unload/patient_claims.sql", format=FileFormat.CSV,
    tokens=(Token(column="patient_id", kind="patient", name="patient_token"),),
)  # fmt: skip


def test_it_names_the_key_by_its_version_and_every_file_with_its_rows() -> None:
    assert tokenise_spec(pipeline(), KEY, UNLOAD, MANIFEST, boundary=PHI, folder=FOLDER) == {
        "protocol": 1,
        "secret_id": "druid-reindex/tokens/phi/p",
        "version_id": "1" * 32,
        "inputs": [{"url": f"{SOURCE}/a.bz2", "rows": 3}],
        "format": "csv",
        "columns": ["timestamp", "patient_id", "encounter_token", "category", "code", "description", "units", "type",
                    "value"],
        "tokens": {"patient_id": {"kind": "patient", "name": "patient_token"}},
        "output": f"{FOLDER}/files/",
        "kms_key_arn": PHI.kms_key_arn,
    }  # fmt: skip


def test_withheld_keys_are_named_by_address_and_etag_under_another_protocol() -> None:
    spec = tokenise_spec(pipeline(), KEY, UNLOAD, MANIFEST, boundary=PHI, folder=FOLDER)
    assert withholding(spec, ()) == spec
    keys = {"uri": f"{PHI.runs_uri}keys/one.txt", "etag": "etag", "column": "patient_token"}
    assert withholding(spec, (KeyFile(**keys),)) == spec | {"protocol": 2, "withheld": [keys]}


def test_the_script_is_one_that_is_shipped() -> None:
    assert "tokenise.sh SPEC_URI REGION" in (CONFIGS / SCRIPT).read_text()
