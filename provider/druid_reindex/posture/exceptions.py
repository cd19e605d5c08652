"""Named exceptions, from ``emr_configs/exceptions.yaml``: who answers for which failure, why, and until when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field

from druid_reindex.model.field_errors import did_you_mean, load
from druid_reindex.model.frozen import Frozen
from druid_reindex.model.yaml_file import Defect, YamlFile, read_yaml

FILE = "exceptions.yaml"


class PostureException(Frozen):
    """One rule's failure on one resource, accepted by somebody until a day."""

    rule: str = Field(min_length=1, description="the id of a rule, such as S3-01")
    resource: str = Field(
        min_length=2, description="the resource as the finding names it; * stands for any text, but not alone"
    )
    owner: str = Field(min_length=1, description="who answers for it")
    reason: str = Field(min_length=10, description="why it is accepted, in a sentence")
    expires: date = Field(description="the last day on which it holds, such as 2026-12-31")

    def covers(self, rule: str, resource: str) -> bool:
        """Whether it is about this rule on this resource."""
        return self.rule == rule and fnmatchcase(resource, self.resource)


class Exceptions(Frozen):
    """All named exceptions of a deployment."""

    exceptions: tuple[PostureException, ...] = Field(
        (), description="a list of {rule, resource, owner, reason, expires}"
    )


def load_exceptions(configs: Path, known: Collection[str], today: date) -> tuple[PostureException, ...]:
    """The exceptions in ``configs/exceptions.yaml``; none where there is no such file.

    Raises ConfigurationError that names every one that has expired, is of no rule of ``known``, or excuses everything.
    """
    path = configs / FILE
    if not path.is_file():
        return ()
    file: YamlFile = read_yaml(path)
    found = load(file, Exceptions).exceptions
    file.refuse(_refused(found, known, today))
    return found


def _refused(found: Sequence[PostureException], known: Collection[str], today: date) -> Iterator[Defect]:
    for index, each in enumerate(found):
        if each.rule not in known:
            hint = did_you_mean(each.rule, known) or "name a rule of posture's catalogue"
            yield Defect(("exceptions", index, "rule"), repr(each.rule), hint)
        if not each.resource.strip("*? "):
            yield Defect(("exceptions", index, "resource"), repr(each.resource), "name the resource")
        if each.expires < today:
            remedy = "mend what it excuses, or decide anew until when it is accepted"
            yield Defect(("exceptions", index, "expires"), f"{each.expires}, which has passed", remedy)


def excusing(exceptions: Iterable[PostureException], rule: str, resource: str) -> PostureException | None:
    """The exception that covers the rule on the resource, if there is one."""
    return next((each for each in exceptions if each.covers(rule, resource)), None)
