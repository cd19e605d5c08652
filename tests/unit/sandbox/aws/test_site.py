"""The account's clients."""

from __future__ import annotations

from pathlib import Path

from druid_reindex.sandbox.aws.site import Credentials, Site
from druid_reindex.sandbox.home import SandboxHome


def test_a_client_talks_to_the_endpoint_alone_and_by_path(tmp_path: Path) -> None:
    site = Site(SandboxHome(tmp_path / "home", tmp_path / "cache"), "https://127.0.0.1:20000")
    client = site.client("s3", Credentials("AKIAEXAMPLE", "a secret", None, ""))
    url = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})
    client.close()
    assert url.startswith("https://127.0.0.1:20000/bucket/key?")
