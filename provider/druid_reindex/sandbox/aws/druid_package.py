"""Druid as clusters install it for the CLI indexer: one archive in the artifacts bucket, built once per cache.

It holds what the indexer needs and nothing that the cluster has: `lib`, five extensions, and in `hadoop` the client
of the version that Druid was built with. s3a finds its AWS SDK in `lib`.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from druid_reindex.sandbox import distributions
from druid_reindex.sandbox.aws.service import access_key, endpoint_url
from druid_reindex.sandbox.aws.site import ACCOUNT, Credentials, Site
from druid_reindex.sandbox.distributions import DRUID_VERSION, DruidLayout, Report
from druid_reindex.sandbox.home import SandboxHome, locked

BUCKET = f"drx-artifacts-{ACCOUNT}"
KEY = f"druid/druid-{DRUID_VERSION}.tar.gz"
EXTENSIONS = (
    "druid-s3-extensions",
    "druid-hdfs-storage",
    "postgresql-metadata-storage",
    "druid-datasketches",
    "druid-histogram",
)
CHUNK_BYTES = 1 << 20
_LOG4J = """\
<Configuration status="WARN">
  <Appenders><Console name="Console" target="SYSTEM_ERR">
    <PatternLayout pattern="%d{ISO8601} %p [%t] %c - %m%n"/>
  </Console></Appenders>
  <Loggers><Root level="info"><AppenderRef ref="Console"/></Root></Loggers>
</Configuration>
"""


@dataclass(frozen=True)
class DruidPackage:
    """The archive in S3 and the digest that `install_druid.sh` checks."""

    uri: str
    sha256: str


def publish_druid(home: SandboxHome, report: Report) -> DruidPackage:
    """Put Druid's archive and its digest into the artifacts bucket, unless they are there, and return both."""
    archive = _archive(home, report)
    digest = _sha256(archive)
    key = access_key(home, "operator")
    s3 = Site(home, endpoint_url(home)).client("s3", Credentials(key.id, key.secret, None, ""))
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{KEY}.{digest}")
    if not found["KeyCount"]:
        report(f"druid-{DRUID_VERSION}.tar.gz: {archive.stat().st_size / 1e6:.0f} MB to s3://{BUCKET}/{KEY}")
        s3.upload_file(str(archive), BUCKET, KEY)
        # The last of the three tells that the others are complete.
        for name in (f"{KEY}.sha256", f"{KEY}.{digest}"):
            s3.put_object(Bucket=BUCKET, Key=name, Body=f"{digest}\n".encode())
    return DruidPackage(f"s3://{BUCKET}/{KEY}", digest)


def _archive(home: SandboxHome, report: Report) -> Path:
    layout = distributions.druid(home, report)
    target = home.cache / f"{layout.root.name}.tar.gz"
    with locked(target):
        if not target.exists():
            report(f"{target.name}: packing")
            with tempfile.NamedTemporaryFile(dir=home.cache, prefix=f".{target.name}-", delete=False) as unfinished:
                with gzip.GzipFile("", "wb", compresslevel=1, fileobj=unfinished, mtime=0) as compressed:
                    _pack(layout, compressed)
                Path(unfinished.name).replace(target)
    return target


def _pack(layout: DruidLayout, into: gzip.GzipFile) -> None:
    with tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for jar, name in _files(layout):
            archive.add(jar, f"druid-{DRUID_VERSION}/{name}", recursive=False, filter=_plain)
        with tempfile.TemporaryDirectory() as folder:
            log4j = Path(folder) / "log4j2.xml"
            log4j.write_text(_LOG4J, encoding="utf-8")
            archive.add(log4j, f"druid-{DRUID_VERSION}/conf/log4j2.xml", filter=_plain)


def _files(layout: DruidLayout) -> Iterator[tuple[Path, str]]:
    for jar in sorted(layout.lib.glob("*.jar")):
        yield jar, f"lib/{jar.name}"
    for extension in EXTENSIONS:
        for jar in sorted((layout.extensions / extension).glob("*.jar")):
            yield jar, f"{'hadoop' if jar.name.startswith('hadoop-') else f'extensions/{extension}'}/{jar.name}"
    for jar in sorted(layout.hadoop_dependencies.rglob("hadoop-aws-*.jar")):
        yield jar, f"hadoop/{jar.name}"


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Forget who packed it and when, so that the same jars make the same archive."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime, member.mode = 0, 0o644
    return member


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
