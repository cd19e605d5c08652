"""A night that moves tables, in memory: Redshift's files, tokens, a rebuild as a step, an export, a load."""

from __future__ import annotations

import json
from typing import Any

from druid_reindex.model.cluster import Step, StepState
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from night_world import DAY, ROOT, SETTINGS, World, measured
from step_commands import spec_of
from twins import FakeDruid, FakeEmr, FakeStore, segment
from warehouse import KEY, Warehouse


def moving_pipeline() -> Pipeline:
    """The shipped pipeline that moves tables, with one of its unloads."""
    file = ROOT / "dags" / "pipelines" / "patient_snapshot.yaml"
    shipped = load_pipeline(file, SETTINGS.boundaries).model_dump(mode="json", exclude_unset=True)
    unloads = [each for each in shipped["unloads"] if each["name"] == "claims"]
    inputs = [each for each in shipped["inputs"] if each.get("unload") != "conditions"]
    return Pipeline.model_validate(shipped | {"unloads": unloads, "inputs": inputs})


class MovingCluster(FakeEmr):
    """An EMR whose steps leave what the scripts leave that tokenise and export, and publish what the indexer does."""

    def __init__(self, druid: FakeDruid, store: FakeStore) -> None:
        super().__init__()
        self.druid, self.store, self.done = druid, store, set[str]()
        self.pipeline = moving_pipeline()

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        step = super().describe_step(cluster_id, step_id)
        if step.state is StepState.COMPLETED and step_id not in self.done:
            self.done.add(step_id)
            self._leave(spec_of(self.added[int(step_id[2:]) - 1]))
        return step

    def _leave(self, place: S3Uri) -> None:
        spec = json.loads(self.store.get(place))
        self._put(str(place).replace("spec.json", "result.json"), {"protocol": 1, "exit_code": 0})
        if "spec" in spec:
            self._publish(spec["spec"]["tuningConfig"]["version"])
        else:
            self._write(spec["output"], [each["rows"] for each in spec.get("inputs") or spec["segments"]])

    def _publish(self, version: str) -> None:
        like = segment(DAY, version=version, datasource="patient_snapshot", rows=100)
        columns = {
            "dimensions": ",".join(each.name for each in self.pipeline.dimensions),
            "metrics": ",".join(each.name for each in self.pipeline.metrics),
        }
        made = Segment.from_payload(like.payload | columns, num_rows=100)
        self.druid.segments.append(made)
        self._put(f"s3://{made.payload['loadSpec']['bucket']}/{made.payload['loadSpec']['key']}", {})

    def _write(self, output: str, rows: list[int]) -> None:
        files = {f"{output}part-{i}": {"content_length": 2, "record_count": n} for i, n in enumerate(rows)}
        for url in files:
            self._put(url, {})
        self._put(f"{output}manifest", {"entries": [{"url": url, "meta": meta} for url, meta in files.items()]})

    def _put(self, uri: str, document: Any) -> None:
        self.store.put(S3Uri.parse(uri), json.dumps(document).encode(), kms_key_arn=KEY)


def with_sources(world: World) -> World:
    """The world with a day to build the snapshot from in Druid, and claims in Redshift."""
    version = "2026-09-02T00:00:00.000Z"
    world.druid.segments = [segment(DAY, version=version, datasource="patient_vitals", rows=100)]
    world.druid.answers = measured(lambda _sql: 100, world.druid)
    world.emr, world.redshift.run = MovingCluster(world.druid, world.store), Warehouse(world.store)
    return world
