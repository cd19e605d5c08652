"""A trail's files as CloudTrail delivers them: log files, signed hourly digests, and what can be done to them.

Written from https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from druid_reindex.model.trail import StoredDigest, TrailKey, TrailScope, Window
from druid_reindex.model.uri import Arn, S3Uri

ACCOUNT = "111122223333"
TRAIL = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/drx"
BUCKET = f"drx-trail-{ACCOUNT}"
SCOPE = TrailScope.of(Arn.parse(TRAIL), BUCKET)
NIGHT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@cache
def signing_key(number: int = 0) -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def fingerprint(number: int = 0) -> str:
    der = signing_key(number).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return hashlib.md5(der).hexdigest()


def event(number: int, at: datetime = NIGHT, **fields: Any) -> dict[str, Any]:
    """An S3 data event of somebody else's, as AWS's page of record contents shows them."""
    role = f"app-{number % 7}"
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": f"AROA{number:016d}:job",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/job", "accountId": ACCOUNT,
            "accessKeyId": f"ASIA{number:016d}",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/{role}", "accountId": ACCOUNT, "userName": role
                }
            },
        },
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
        "awsRegion": "us-east-1", "sourceIPAddress": "10.0.0.1", "userAgent": "[aws-sdk-java/2.20.1]",
        "requestParameters": {"bucketName": f"other-{number % 5}", "key": f"data/part-{number:08d}.parquet"},
        "responseElements": None, "requestID": f"{number:016X}", "eventID": f"00000000-0000-4000-8000-{number:012d}",
        "readOnly": True,
        "resources": [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::other-{number % 5}/data/part-{number:08d}"}],
        "eventType": "AwsApiCall", "managementEvent": False, "recipientAccountId": ACCOUNT, "eventCategory": "Data",
    } | fields  # fmt: skip


def log_text(*events: dict[str, Any]) -> bytes:
    return json.dumps({"Records": [*events]}, separators=(",", ":")).encode()


@dataclass
class TrailFiles:
    """The bucket of a trail, and the logs that the next digest will name."""

    objects: dict[S3Uri, StoredDigest] = field(default_factory=dict)
    scope: TrailScope = SCOPE
    key: int = 0
    _since_digest: list[dict[str, Any]] = field(default_factory=list)
    _last: tuple[S3Uri, str] | None = None

    def deliver(self, text: bytes, at: datetime) -> S3Uri:
        """A log file of that text, delivered at that time."""
        stem = f"{ACCOUNT}_CloudTrail_{self.scope.region}_{at:%Y%m%dT%H%MZ}_{hashlib.md5(text).hexdigest()[:16]}"
        account = self.scope.regions_folder.key.removesuffix("CloudTrail-Digest/")
        folder = f"{account}CloudTrail/{self.scope.region}/{at:%Y/%m/%d}/"
        uri = S3Uri(self.scope.bucket, f"{folder}{stem}.json.gz")
        self.objects[uri] = StoredDigest(gzip.compress(text, mtime=0), {})
        self.name([(uri.key, hashlib.sha256(text).hexdigest())], at)
        return uri

    def name(self, logs: Sequence[tuple[str, str]], at: datetime = NIGHT) -> None:
        """Have the next digest name logs, by key and SHA-256."""
        self._since_digest += [
            {"s3Bucket": self.scope.bucket, "s3Object": key, "hashValue": digest, "hashAlgorithm": "SHA-256",
             "newestEventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "oldestEventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
            for key, digest in logs
        ]  # fmt: skip

    def close(self, end: datetime, *, backfill: bool = False) -> S3Uri:
        """The digest of the hour before ``end``, which names what was delivered since the last one."""
        uri = S3Uri(self.scope.bucket, self.scope.digest_key(end, backfill=backfill))
        before = None if backfill else self._last
        text = json.dumps({
            "awsAccountId": ACCOUNT, "digestStartTime": f"{end - HOUR:%Y-%m-%dT%H:%M:%SZ}",
            "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}", "digestS3Bucket": uri.bucket, "digestS3Object": uri.key,
            "digestPublicKeyFingerprint": fingerprint(self.key), "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None, "oldestEventTime": None,
            "previousDigestS3Bucket": before[0].bucket if before else None,
            "previousDigestS3Object": before[0].key if before else None,
            "previousDigestHashValue": None, "previousDigestHashAlgorithm": None,
            "previousDigestSignature": before[1] if before else None, "logFiles": self._since_digest,
        }).encode()  # fmt: skip
        signature = self.sign(uri, end, text, before[1] if before else None)
        metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
        if backfill:
            metadata["backfill-generation-timestamp"] = f"{end:%Y-%m-%dT%H:%M:%SZ}"
        else:
            self._last = uri, signature
        self.objects[uri] = StoredDigest(gzip.compress(text, mtime=0), metadata)
        self._since_digest = []
        return uri

    def sign(self, uri: S3Uri, end: datetime, text: bytes, before: str | None) -> str:
        """The signature that CloudTrail would put on a digest of that text."""
        place, digest = f"{uri.bucket}/{uri.key}", hashlib.sha256(text).hexdigest()
        signed = f"{end:%Y-%m-%dT%H:%M:%SZ}\n{place}\n{digest}\n{'null' if before is None else before}"
        return signing_key(self.key).sign(signed.encode(), PKCS1v15(), SHA256()).hex()

    def start_anew(self) -> None:
        """What StopLogging and StartLogging leave: the next digest names no previous one."""
        self._last = None

    def change(self, uri: S3Uri, body: bytes) -> None:
        """Put other bytes in the file's place."""
        self.objects[uri] = StoredDigest(body, self.objects[uri].metadata)

    def public_keys(self) -> dict[str, TrailKey]:
        """Both keys that may have signed."""
        made = (
            TrailKey(fingerprint(n), signing_key(n).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1),
                      NIGHT - 4800 * HOUR, NIGHT + 4800 * HOUR) for n in (0, 1)
        )  # fmt: skip
        return {each.fingerprint: each for each in made}


def a_night(hours: int = 4, logs: int = 3, scope: TrailScope = SCOPE) -> tuple[TrailFiles, list[S3Uri], list[S3Uri]]:
    """A trail's files of some hours, its digests and its logs, oldest first; the first digest begins the chain."""
    files, digests, delivered = TrailFiles(scope=scope), [], []
    for hour in range(hours):
        for number in range(logs):
            at = NIGHT + hour * HOUR + timedelta(minutes=10 * number)
            delivered.append(files.deliver(log_text(*(event(100 * hour + 10 * number + n, at) for n in range(5))), at))
        digests.append(files.close(NIGHT + (hour + 1) * HOUR))
    return files, digests, delivered


WINDOW = Window(NIGHT, NIGHT + 4 * HOUR)


@contextmanager
def key_service(keys: Mapping[str, TrailKey], trails: Sequence[Mapping[str, Any]] = ()) -> Iterator[str]:
    """CloudTrail's ListPublicKeys over HTTP, which moto has not, and DescribeTrails, which tells of ``trails``.

    Sources: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListPublicKeys.html,
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html
    """
    listed = [
        {"Fingerprint": each.fingerprint, "Value": base64.b64encode(each.der).decode(),
         "ValidityStartTime": each.valid_from.timestamp(), "ValidityEndTime": each.valid_until.timestamp()}
        for each in keys.values()
    ]  # fmt: skip

    def public_keys(asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"PublicKeyList": [
            each for each in listed
            if each["ValidityStartTime"] <= asked["EndTime"] and each["ValidityEndTime"] >= asked["StartTime"]
        ]}  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answers = {"ListPublicKeys": public_keys, "DescribeTrails": lambda _asked: {"trailList": [*trails]}}
            answer = answers.get(self.headers["x-amz-target"].rpartition(".")[2])
            body = json.dumps(answer(asked) if answer else {}).encode()
            self.send_response(200 if answer else 400)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
