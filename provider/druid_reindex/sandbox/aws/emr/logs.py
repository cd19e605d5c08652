"""Logs of one cluster, archived below its LogUri as EMR lays them out.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger(__name__)

STEP_FILES = ("controller", "stderr", "stdout", "syslog")
# What YARN keeps beside a container's output tells how it was launched, and is not archived.
LAUNCH_FILES = frozenset({"directory.info", "launch_container.sh"})


class LogArchive:
    """Uploads files below `<LogUri>/<cluster>/`; without a LogUri it archives nothing, as EMR does.

    `client` is called for each log, step or folder, because the role's credentials expire.
    """

    def __init__(self, log_uri: str | None, cluster_id: str, kms_key: str | None, client: Callable[[], Any]) -> None:
        parts = urlsplit(log_uri or "")
        self._bucket = parts.netloc
        self._prefix = "/".join(filter(None, (parts.path.strip("/"), cluster_id)))
        self._encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        self._client = client

    def uri(self, name: str) -> str:
        """Return the S3 URI of the archived log `name`; empty without a LogUri."""
        return f"s3://{self._bucket}/{self._prefix}/{name}" if self._bucket else ""

    def put(self, file: Path, name: str) -> None:
        """Upload `file`, gzipped, as `name`; a log that cannot be archived is reported and lost, as on EMR."""
        self._put({name: file})

    def put_step(self, folder: Path, step_id: str) -> None:
        """Upload the four logs of a step."""
        self._put({f"steps/{step_id}/{name}.gz": folder / name for name in STEP_FILES})

    def put_tree(self, folder: Path, name: str) -> None:
        """Upload every file below `folder` under `name`."""
        files = sorted(file for file in folder.rglob("*") if file.name not in LAUNCH_FILES)
        self._put({f"{name}/{file.relative_to(folder)}.gz": file for file in files})

    def _put(self, files: Mapping[str, Path]) -> None:
        found = {name: file for name, file in files.items() if file.is_file()}
        if not self._bucket or not found:
            return
        with closing(self._client()) as client:
            for name, file in found.items():
                try:
                    client.put_object(
                        Bucket=self._bucket,
                        Key=f"{self._prefix}/{name}",
                        Body=gzip.compress(file.read_bytes(), compresslevel=1),
                        **self._encryption,
                    )
                except (BotoCoreError, ClientError) as error:
                    log.warning("cannot archive %s: %s", self.uri(name), error)
