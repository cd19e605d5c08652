"""The lines of the HDFS name node's audit log.

Log4j writes them in the time of the host, which on EMR's instances is UTC. A name node without Kerberos writes down
whatever name a client gives.
Sources: https://github.com/apache/hadoop/blob/rel/release-3.3.6/hadoop-hdfs-project/hadoop-hdfs/src/main/java/org/apache/hadoop/hdfs/server/namenode/FSNamesystem.java
(DefaultAuditLogger), https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath

from druid_reindex.evidence.witness_act import Act, UnreadableLine, name_of

_LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.]\d{3} \w+ +(?:\S+\.)?FSNamesystem\.audit: allowed=(true|false)\t"
    r"ugi=([^\t]+)\tip=[^\t]*\tcmd=([A-Za-z]+)[^\t]*\tsrc=([^\t]*)\t.*"
)
_HOW = re.compile(r" \(auth:\w+\)")
_PARTS = 3  # the root and two folders: the names of files, and of folders below, may be anything
NOWHERE = "no path"


def parse(line: str, folder: str) -> Act:
    """The act of an audit line; a path is told as ``folder`` where it lies there, else by the first two folders above.

    Raises UnreadableLine for any other line, for the audit log has none.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        raise UnreadableLine("no line of FSNamesystem.audit")
    at, allowed, ugi, command, path = found.groups()
    who = tuple(name_of(each) for each in _HOW.sub("", ugi).split(" via "))
    return Act(_instant(at), who, command, _shown(path, folder), is_refused=allowed == "false")


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as odd:
        raise UnreadableLine("no instant") from odd


def _shown(path: str, folder: str) -> str:
    parts, own = PurePosixPath(path).parts, PurePosixPath(folder).parts
    if parts[: len(own)] == own:
        return folder
    if not path.startswith("/"):
        return NOWHERE
    above = name_of(str(PurePosixPath(*parts[:-1][:_PARTS])))
    return f"{above.rstrip('/')}/…" if len(parts) > 1 else "/"
