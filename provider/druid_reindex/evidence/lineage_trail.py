"""What a supplement tells of CloudTrail, as a run of a job of its own below the night's.

An event that comes after a run has ended would open it again for those who read it, so what is found later is a run by
itself, of the job ``<DAG>.cloudtrail``. Its id is made of the night and of the supplement's digest: the same supplement
is the same run, whoever sends it. Classes and counts alone: who touched what stands in the supplement.
Source: https://openlineage.io/docs/spec/facets/run-facets/parent_run
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from druid_reindex.evidence import lineage_facets as facets
from druid_reindex.evidence.lineage import Dataset, DatasetName, Facets, RunName
from druid_reindex.evidence.parts import Kind, Part, Run, State

JOB = "cloudtrail"


@dataclass(frozen=True, slots=True)
class Supplement:
    """A pack that was added: where it lies, its SHA-256, its number, and the parts that it was added for.

    ``must_be_looked_at`` says whether they have anything that a person must look at, ``is_awaited`` whether files of
    CloudTrail may still come.
    """

    uri: str
    sha256: str
    sequence: int
    parts: tuple[Part, ...]
    must_be_looked_at: bool
    is_awaited: bool


@dataclass(frozen=True, slots=True)
class TrailRun:
    """A run of the job ``job``, below the night ``parent``; it has failed where a person must look at what it found."""

    run: str
    job: str
    parent: RunName
    has_failed: bool
    dataset: Dataset
    facets: Facets


def trail_run(night: Run, supplement: Supplement) -> TrailRun | None:
    """The run that ``supplement`` is; None where the night was told in no lineage, or no findings are known yet."""
    known = {part.kind: part.body for part in supplement.parts if part.state is State.TOLD}
    if night.lineage is None or Kind.FINDINGS not in known:
        return None
    datasource = DatasetName(night.lineage.druid, night.datasource)
    return TrailRun(
        run=str(uuid5(UUID(night.run), f"{JOB} {supplement.sha256}")),
        job=f"{night.lineage.job}.{JOB}",
        parent=night.lineage,
        has_failed=supplement.must_be_looked_at,
        dataset=Dataset(datasource, facets.tagged(night.classification)),
        facets={facets.FINDINGS: _findings(night, supplement, known)},
    )


def _findings(night: Run, supplement: Supplement, known: Mapping[Kind, Mapping[str, Any]]) -> dict[str, Any]:
    listed = known[Kind.FINDINGS]["findings"]
    events = _counted(listed, "verdict")
    told = {
        "runId": night.run,
        "datasource": night.datasource,
        "classification": night.classification,
        "trail": night.trail,
        "packUri": supplement.uri,
        "packSha256": supplement.sha256,
        "sequence": supplement.sequence,
        "awaited": supplement.is_awaited,
        "findings": [
            {"class": name, "findings": count, "events": events[name]}
            for name, count in sorted(Counter(str(each["verdict"]) for each in listed).items())
        ],
    }
    if Kind.MATCHES in known:
        matches = known[Kind.MATCHES]
        agreed = _counted(matches["matches"], "how")
        told["matches"] = [{"class": name, "events": count} for name, count in sorted(agreed.items())]
        told["coverage"] = [dict(share) for share in matches["coverage"]]
    return told


def _counted(listed: Iterable[Mapping[str, Any]], by: str) -> Counter[str]:
    """The sum of the counts, by the field ``by``."""
    found: Counter[str] = Counter()
    for each in listed:
        found[str(each[by])] += int(each["count"])
    return found
