"""The commands that EMR has on the PATH of every node: `hadoop`, `hdfs`, `yarn` and `mapred`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

_FS_SHELL = "org.apache.hadoop.fs.FsShell "
# A command's verbs: the main class, and what it wants before the user's arguments.
_COMMANDS = {
    "hadoop": {
        "fs": _FS_SHELL,
        "jar": "org.apache.hadoop.util.RunJar ",
        "version": "org.apache.hadoop.util.VersionInfo ",
    },
    "hdfs": {
        "dfs": _FS_SHELL,
        "dfsadmin": "org.apache.hadoop.hdfs.tools.DFSAdmin ",
        "getconf": "org.apache.hadoop.hdfs.tools.GetConf ",
    },
    "yarn": {
        "application": "org.apache.hadoop.yarn.client.cli.ApplicationCLI application ",
        "node": "org.apache.hadoop.yarn.client.cli.NodeCLI ",
    },
    "mapred": {"job": "org.apache.hadoop.mapred.JobClient "},
}


def write_commands(folder: Path, java: Sequence[str], environment: Mapping[str, str], jars: Path) -> None:
    """Write the scripts into `folder`; `java` is the program with its options.

    As Hadoop's own, they take another configuration directory from `HADOOP_CONF_DIR`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    conf = shlex.quote(environment["HADOOP_CONF_DIR"])
    fixed = {name: value for name, value in environment.items() if name != "HADOOP_CONF_DIR"}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in fixed.items())
    exports += f'[ -n "${{HADOOP_CONF_DIR:-}}" ] || HADOOP_CONF_DIR={conf}\nexport HADOOP_CONF_DIR\n'
    class_path = f"${{HADOOP_CONF_DIR}}:{jars}/*:${{HADOOP_CLASSPATH:-}}"
    run = f'exec {shlex.join(java)} ${{HADOOP_CLIENT_OPTS:-}} -cp "{class_path}"'
    for command, verbs in _COMMANDS.items():
        cases = "".join(f'  {verb}) shift; {run} {main}"$@" ;;\n' for verb, main in verbs.items())
        unknown = f'  *) echo "{command}: no such command here: $1" >&2; exit 2 ;;\n'
        script = folder / command
        head = f"#!/bin/bash\nunset JAVA_TOOL_OPTIONS\n{exports}"
        script.write_text(f'{head}case "${{1:-}}" in\n{cases}{unknown}esac\n', encoding="utf-8")
        script.chmod(0o755)
