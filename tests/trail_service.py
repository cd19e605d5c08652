"""The bucket of a trail in moto's S3 and CloudTrail's public keys over HTTP, for programs that are started on them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

from trail_account import BUCKET, TrailFiles, key_service

BIN = Path(sys.executable).parent


@dataclass
class Account:
    """An emulated S3, a stand-in for CloudTrail's keys, and what programs need to find them."""

    environment: dict[str, str]
    s3: Any
    trails: list[dict[str, Any]] = field(default_factory=list)

    def organize(self) -> str:
        """The id of the organization that the account is in from now on."""
        url, region = self.environment["AWS_ENDPOINT_URL_S3"], "us-east-1"
        named: Any = boto3.client(
            "organizations", endpoint_url=url, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
        )
        return str(named.create_organization(FeatureSet="ALL")["Organization"]["Id"])

    def hold(self, files: TrailFiles) -> None:
        """Put the trail's files into its bucket."""
        self.s3.create_bucket(Bucket=BUCKET)
        for uri, stored in files.objects.items():
            self.s3.put_object(Bucket=BUCKET, Key=uri.key, Body=stored.body, Metadata=dict(stored.metadata))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What a program of this environment has printed, and how it ended."""
        command = [str(BIN / words[0]), *words[1:]]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )  # fmt: skip


@contextmanager
def trail_account() -> Iterator[Account]:
    """The account, empty, until the block ends."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        trails: list[dict[str, Any]] = []
        with key_service(TrailFiles().public_keys(), trails) as keys:
            url = "http://{}:{}".format(*server.get_host_and_port())
            environment = {
                "PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": url,
                "AWS_ENDPOINT_URL_STS": url, "AWS_ENDPOINT_URL_ORGANIZATIONS": url,
                "AWS_ENDPOINT_URL_CLOUDTRAIL": keys, "NO_PROXY": "127.0.0.1", "AWS_CONFIG_FILE": "/dev/null",
                "COLUMNS": "200", "TERM": "dumb",
            }  # fmt: skip
            # The emulator's state outlives its server.
            httpx.post(f"{url}/moto-api/reset", trust_env=False).raise_for_status()
            s3 = boto3.client(
                "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
            )
            yield Account(environment, s3, trails)
    finally:
        server.stop()
