"""Finds why a Druid task really failed, in its report and in the tail of its log.

A Hadoop task fails with wrappers (``Job[…] failed!``) around what a mapper, a reducer or YARN said. What is returned is
the class and the first line of the innermost exception, with Hadoop's diagnosis when there is one. A log may quote
rows: messages of exceptions that quote what they could not parse are withheld, passwords and keys are blanked, and
stack frames and unparseable events are never included.
Source: https://druid.apache.org/docs/25.0.0/ingestion/tasks.html#task-reports
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_MESSAGE_CHARACTERS = 300
_WITHHELD = "(its message may quote a row and is withheld; read it in the log)"
_CLASS = r"(?:[a-z_][\w$]*\.)+(?:[A-Z][\w$]*)?(?:Exception|Error|Failure|Throwable|ISE|IAE|RE|UOE)(?:\([\w.$]+\))?"
_HEADLINE = re.compile(
    rf"^\s*(?P<prefix>Caused by: |Error: |Exception in thread \"[^\"]*\" )?(?P<cls>{_CLASS})(?:: (?P<message>.*))?$"
)
_NESTED = re.compile(rf"^(?P<cls>{_CLASS}): (?P<message>.*)$")
_LEVEL = re.compile(r"^\d{4}-\d\d-\d\d[T ][\d:,.]+\S*\s+(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b")
_DIAGNOSES = (
    re.compile(r"Container \[pid=\d+,containerID=\S+\] is running [^.]*memory limit[^.]*"),
    re.compile(r"Application application_\S+ failed \d+ times due to [^.]*"),
    re.compile(r"Job job_\S+ failed with state (?:FAILED|KILLED) due to: .*"),
    # The AWS CLI's own words, in a step's script.
    re.compile(r"An error occurred \(\w+\) when calling the \w+ operation.*"),
)
_WRAPPER = re.compile(
    r"^(\S+: (Job\[.*\] failed|Got invocation target exception in run).*|\S+\.(Runtime|InvocationTarget)Exception: )$"
)
_QUOTES_DATA = re.compile(r"(Parse|Json\w*|Mapping|Input|Format|Unparseable\w*|CharacterCoding\w*)Exception\)?$")
_INVALID_FORMAT = re.compile(
    r"^(Invalid format|Cannot parse|Unable to parse|For input string|Could not parse)\b", re.IGNORECASE
)
_SECRETS = (
    (
        re.compile(
            r"(?i)\b(password|passwd|secret(?!smanager)|token|signature|credential)([\w.-]*[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"
        ),
        r"\1\2***",
    ),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{12,}"), r"\1***"),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://***@"),
)


@dataclass(slots=True)
class _Chain:
    """One exception with its causes: class and message of each, outermost first."""

    of_attempt: bool
    level: str
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def root(self) -> tuple[str, str]:
        """The innermost exception, peeled out of messages that merely repeat a cause."""
        cls, message = self.links[-1]
        while nested := _NESTED.match(message):
            cls, message = nested["cls"], nested["message"]
        return cls, message

    @property
    def is_wrapper(self) -> bool:
        """Whether the innermost exception says no more than that the job failed."""
        return _WRAPPER.match(": ".join(self.root)) is not None and not self.of_attempt


def report_text(report: Mapping[str, Any]) -> str:
    """What the task's completion report gives as its error, with the diagnostics of failed Hadoop attempts unfolded."""
    part = report.get("ingestionStatsAndErrors")
    payload = part.get("payload") if isinstance(part, dict) else None
    message = payload.get("errorMsg") if isinstance(payload, dict) else None
    if not isinstance(message, str):
        return ""
    try:
        attempts = json.loads(message)
    except ValueError:
        return message
    if not isinstance(attempts, dict):
        return message
    return "\n".join("Error: " + said.removeprefix("Error: ") for said in _texts(attempts))


def root_cause(report: str, log: str) -> str:
    """The real reason, in one line; an empty text when neither ``report`` nor ``log`` gives one."""
    chains = [*_chains(report)]
    chosen = _best(chains)
    if chosen is None or chosen.is_wrapper:
        chosen = _best([*chains, *_chains(log)])
    diagnosis = _diagnosis(f"{report}\n{log}")
    told = _told(*chosen.root) if chosen else ""
    return "; ".join(part for part in (told, diagnosis) if part)


def _chains(text: str) -> Iterator[_Chain]:
    chain: _Chain | None = None
    level = ""
    for line in text.splitlines():
        if logged := _LEVEL.match(line):
            level = logged["level"]
        if (head := _HEADLINE.match(line)) is None:
            continue
        link = head["cls"], (head["message"] or "").strip()
        if chain is not None and head["prefix"] == "Caused by: ":
            chain.links.append(link)
            continue
        if chain is not None:
            yield chain
        chain = _Chain(of_attempt=head["prefix"] == "Error: ", level=level, links=[link])
    if chain is not None:
        yield chain


def _best(chains: list[_Chain]) -> _Chain | None:
    """The last of the most telling: an attempt's own exception, else one logged as an error, else any."""
    telling = [chain for chain in chains if not chain.is_wrapper]
    for wanted in (
        [chain for chain in telling if chain.of_attempt],
        [chain for chain in telling if chain.level in {"", "ERROR", "FATAL"}],
        telling,
        chains,
    ):
        if wanted:
            return wanted[-1]
    return None


def _told(cls: str, message: str) -> str:
    if not message:
        return cls
    if _QUOTES_DATA.search(cls) or _INVALID_FORMAT.match(message):
        return f"{cls} {_WITHHELD}"
    return f"{cls}: {_clean(message)}"


def _diagnosis(text: str) -> str:
    for pattern in _DIAGNOSES:
        if found := pattern.findall(text):
            return _clean(str(found[-1]))
    return ""


def _clean(message: str) -> str:
    for pattern, blank in _SECRETS:
        message = pattern.sub(blank, message)
    return message if len(message) <= _MESSAGE_CHARACTERS else message[: _MESSAGE_CHARACTERS - 1] + "…"


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
