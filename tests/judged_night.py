"""The task `posture` of a night, by the product's own clients and connections, and what the night left behind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

import night_world
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.night import NightOperator, NightSettings
from druid_reindex.operators.posture import JudgePostureOperator
from druid_reindex.plan import names
from night_world import World


@dataclass(frozen=True)
class JudgedNight:
    """One run; ``client`` makes boto3 clients with which the account is looked at afterwards."""

    settings: NightSettings
    client: Callable[[str], Any]
    world: World = field(default_factory=lambda: World(run_id=f"manual__{uuid.uuid4()}"))

    @property
    def run_id(self) -> RunId:
        """The run's identity."""
        dag_id = self.settings.pipeline.dag_id
        return RunId.of(self.settings.boundaries.deployment_id, dag_id=dag_id, run_id=self.world.run_id)

    def posture(self) -> str:
        """Why the night stops at `posture`; empty where it may go on."""
        return self.run(JudgePostureOperator(task_id="posture", settings=self.settings, poll_seconds=0.0))

    def run(self, task: NightOperator) -> str:
        """Why the night stops at ``task``; empty where it goes on."""
        try:
            self.world.run(task)
        except AirflowException as stopped:
            return str(stopped)
        finally:
            if "druid" in vars(task):
                with task.druid:
                    """Ends its connections."""
        return ""

    def closing(self, report: str) -> list[dict[str, Any]]:
        """The findings that close the gate, as the report of that name below the run's prefix has them."""
        uri = names.run_prefix(self.settings.boundary, self.run_id) / report
        found = self.client("s3").get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read()
        return [each for each in json.loads(found)["findings"] if each["closes_gate"]]

    def clusters(self) -> list[str]:
        """The clusters that the run launched."""
        emr, tag = self.client("emr"), {"Key": names.RUN_TAG, "Value": str(self.run_id)}
        listed = [each["Id"] for page in emr.get_paginator("list_clusters").paginate() for each in page["Clusters"]]
        return [each for each in listed if tag in emr.describe_cluster(ClusterId=each)["Cluster"]["Tags"]]

    def segment_objects(self) -> set[str]:
        """The keys in deep storage."""
        uri = S3Uri.parse(self.settings.boundary.segments_uri)
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=uri.bucket, Prefix=uri.key)
        return {each["Key"] for page in pages for each in page.get("Contents", [])}


@contextmanager
def connections(environment: Mapping[str, str], made: Mapping[str, str]) -> Iterator[None]:
    """Airflow with the connections ``made`` in the ``environment`` of a user of AWS; runs begin now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(night_world, "BEGAN", datetime.now(UTC))
        for name, value in {**environment, **made}.items():
            patch.setenv(name, value)
        yield
