"""The files of ``sql/``: each begins with a comment that names its inputs, its grain and its owner."""

from __future__ import annotations

import re
from pathlib import Path

HEADINGS = ("inputs", "grain", "owner")
_HEADING = re.compile(r"--\s*(\w+):\s*\S")


def sql_defect(folder: Path, name: str) -> tuple[str, str] | None:
    """What is wrong with the file ``name`` of ``folder``, and the remedy; None when nothing is."""
    file = folder / name
    if not file.is_file():
        there = sorted(str(each.relative_to(folder)) for each in (folder / name).parent.glob("*.sql"))
        return f"no such file in {folder}", f"write one of {', '.join(there) or 'none (there are none)'}, or add it"
    missing = missing_headings(file.read_text(encoding="utf-8"))
    if missing:
        return f"its header comment lacks {', '.join(missing)}", "begin the file with `-- inputs: …` and so on"
    return None


def statement(text: str) -> str:
    """What ``text`` has Redshift run: without the lines that are comments, and without space around lines."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))


def missing_headings(text: str) -> list[str]:
    """The headings that the comment at the top of ``text`` does not have."""
    found: set[str] = set()
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if match := _HEADING.match(line):
            found.add(match[1].lower())
    return [heading for heading in HEADINGS if heading not in found]
