"""What the step is told that replaces identifiers by tokens (``emr_configs/bootstrap/tokenise.sh``): never a key."""

from __future__ import annotations

from typing import Any

from druid_reindex.model.boundary import Boundary
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.transfer import TokenKey, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.hadoop import file_columns
from druid_reindex.plan.manifest import Manifest
from druid_reindex.plan.withheld import Withheld

PROTOCOL = 1
WITHHOLDING = 2
"""The protocol of a spec that has rows withheld."""
SCRIPT = "bootstrap/tokenise.sh"


def tokenise_spec(
    pipeline: Pipeline, key: TokenKey, unload: Unload, manifest: Manifest, *, boundary: Boundary, folder: S3Uri
) -> dict[str, Any]:
    """The step's spec: the files of ``manifest`` to files below ``folder``, under the boundary's key.

    A CSV file has the columns of the rebuild's, identifiers in place of tokens.
    """
    identifiers = {token.name: token.column for token in unload.tokens}
    return {
        "protocol": PROTOCOL,
        "secret_id": key.secret_id,
        "version_id": key.version_id,
        "inputs": [{"url": str(file.uri), "rows": file.rows} for file in manifest.files],
        "format": unload.format.value,
        "columns": [identifiers.get(column, column) for column in file_columns(pipeline)],
        "tokens": {token.column: {"kind": token.kind, "name": token.name} for token in unload.tokens},
        "output": f"{folder}/files/",
        "kms_key_arn": boundary.kms_key_arn,
    }


def withholding(spec: dict[str, Any], withheld: Withheld) -> dict[str, Any]:
    """The step's ``spec``, which leaves out the rows of the files of keys that are ``withheld``; as it is for none."""
    keys = {"protocol": WITHHOLDING, "withheld": [each.to_json() for each in withheld]}
    return spec | keys if withheld else spec
