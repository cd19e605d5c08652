"""S3 in a dictionary, for what reads and writes through a Store."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import IO, Any

from druid_reindex.sandbox.aws.redshift.storage import Store, Stored


class FakeStore(Store):
    """Objects by key, in one bucket; `encryptions` are what each was put with."""

    def __init__(self, **objects: bytes) -> None:
        super().__init__(None)
        self.objects = dict(objects)
        self.encryptions: dict[str, dict[str, str]] = {}

    def listed(self, prefix: Stored) -> Iterator[Stored]:
        for key in sorted(self.objects):
            if key.startswith(prefix.key):
                yield Stored(prefix.bucket, key, size_bytes=len(self.objects[key]))

    def open(self, wanted: Stored) -> Any:
        return io.BytesIO(self.objects[wanted.key])

    def size(self, wanted: Stored) -> int | None:
        return len(self.objects[wanted.key]) if wanted.key in self.objects else None

    def put(self, body: IO[bytes], wanted: Stored, encrypted: dict[str, str]) -> None:
        self.objects[wanted.key] = body.read()
        self.encryptions[wanted.key] = encrypted

    def delete(self, wanted: Stored) -> None:
        del self.objects[wanted.key]

    def document(self, wanted: Stored) -> Any:
        return json.loads(self.objects[wanted.key])
