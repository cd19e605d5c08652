"""What a task has had others write is under the boundary's key, as S3 reports it."""

from __future__ import annotations

from collections.abc import Iterable

from druid_reindex.errors import IntegrityError
from druid_reindex.model.uri import S3Uri
from druid_reindex.ports import ObjectStorePort


def refuse_other_keys(store: ObjectStorePort, uris: Iterable[S3Uri], kms_key_arn: str, *, remedy: str) -> list[str]:
    """The KMS keys on the objects, each once: ``kms_key_arn``, or none where there is no object.

    Raises IntegrityError for another key, or no KMS key, and NotFoundError for an object that is not there.
    """
    keys = store.kms_keys(uris)
    wrong = {str(uri): key for uri, key in keys.items() if key != kms_key_arn}
    if wrong:
        uri, key = next(iter(wrong.items()))
        raise IntegrityError(
            "check the new objects' encryption",
            resource=f"{uri} and {len(wrong) - 1} more",
            came_back=f"encrypted with {key or 'no KMS key'}",
            remedy=remedy,
        )
    return sorted(set(keys.values()))
