"""`druid-reindex certificates` on the emulated account: one zip a period under the boundary's key, its CA a secret."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox.aws.account import key_arn
from emulated_account import Emulator

CONFIGS = Path(__file__).parents[2] / "emr_configs"


def run(emulator: Emulator, *words: str) -> str:
    """What the command prints."""
    command = [sys.executable, "-m", "druid_reindex.cli", "certificates", *words, "--configs", str(CONFIGS)]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]} | emulator.environment
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_periods_zip_is_made_once_and_shown(emulator: Emulator, s3: Any) -> None:
    assert "none yet" in run(emulator, "show", "small")
    made = run(emulator, "make", "small")
    assert run(emulator, "make", "small") == made
    assert made in run(emulator, "show", "small")
    assert run(emulator, "sweep", "small") == ""
    uri = S3Uri.parse(made)
    found = s3.get_object(Bucket=uri.bucket, Key=uri.key)
    body = found["Body"].read()
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key_arn("PhiKey"))
    assert hashlib.sha256(body).hexdigest() in uri.key
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == ["privateKey.pem", "certificateChain.pem", "trustedCertificates.pem"]


def test_protected_and_general_clusters_trust_different_authorities(emulator: Emulator, s3: Any) -> None:
    trusted = set()
    for kind in ("phi", "general"):
        uri = S3Uri.parse(run(emulator, "make", "small", "--classification", kind))
        with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read())) as archive:
            trusted.add(archive.read("trustedCertificates.pem"))
        secret = emulator.client("secretsmanager").describe_secret(
            SecretId=f"druid-reindex/certificate-authority/{kind}"
        )
        assert secret["KmsKeyId"] == key_arn(f"{kind.capitalize()}Key")
    assert len(trusted) == 2
