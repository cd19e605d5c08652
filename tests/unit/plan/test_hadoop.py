"""The ingestion spec of a batch, word for word, as the Overlord and as the CLI indexer take it."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.plan import hadoop
from druid_reindex.plan.hadoop_site import HadoopSite
from druid_reindex.plan.night import Batch, Chunk
from druid_reindex.plan.planner import plan_night
from timelines import WINDOW, boundaries, one_job, pipeline, profile, segment, span, tombstone

PHI = boundaries().phi
PRIMARY = "ip-10-0-0-1.ec2.internal"
MEMORY = {"map": "-Xmx614m", "reduce": "-Xmx614m", "am": "-Xmx409m"}
UTC_OPTIONS = "-Duser.timezone=UTC -Dfile.encoding=UTF-8"
REGION = "-Daws.region=us-east-1"
CLASSPATH = (
    "$HADOOP_CONF_DIR,$HADOOP_COMMON_HOME/*,$HADOOP_COMMON_HOME/lib/*,$HADOOP_HDFS_HOME/*,$HADOOP_HDFS_HOME/lib/*,"
    "$HADOOP_MAPRED_HOME/*,$HADOOP_MAPRED_HOME/lib/*,$HADOOP_YARN_HOME/*,$HADOOP_YARN_HOME/lib/*"
)
JOB = {
    "mapreduce.job.classloader": "true",
    "mapreduce.map.maxattempts": "2",
    "mapreduce.reduce.maxattempts": "2",
    "mapreduce.task.timeout": "600000",
    "mapreduce.map.memory.mb": "768",
    "mapreduce.map.java.opts": f"{MEMORY['map']} {UTC_OPTIONS} {REGION}",
    "mapreduce.reduce.memory.mb": "768",
    "mapreduce.reduce.java.opts": f"{MEMORY['reduce']} {UTC_OPTIONS} {REGION}",
    "yarn.app.mapreduce.am.resource.mb": "512",
    "yarn.app.mapreduce.am.command-opts": f"{MEMORY['am']} {UTC_OPTIONS}",
    "fs.s3a.encryption.algorithm": "SSE-KMS",
    "fs.s3a.encryption.key": PHI.kms_key_arn,
    "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "fs.s3n.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
}
CLUSTER = {
    "hadoop.security.authentication": "simple",
    "fs.defaultFS": f"hdfs://{PRIMARY}:8020",
    "mapreduce.framework.name": "yarn",
    "mapreduce.jobhistory.address": f"{PRIMARY}:10020",
    "mapreduce.application.classpath": CLASSPATH,
    "yarn.application.classpath": CLASSPATH,
    "yarn.app.mapreduce.am.staging-dir": "/user",
    "yarn.resourcemanager.hostname": PRIMARY,
    "yarn.resourcemanager.address": f"{PRIMARY}:8032",
    "yarn.resourcemanager.scheduler.address": f"{PRIMARY}:8030",
    "dfs.client.use.datanode.hostname": "true",
}
DAY = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"
SCHEMA = {
    "dataSource": "patient_vitals",
    "parser": {
        "type": "hadoopyString",
        "parseSpec": {
            "format": "timeAndDims",
            "timestampSpec": {"column": "timestamp", "format": "auto"},
            "dimensionsSpec": {
                "dimensions": [
                    {"type": "string", "name": name}
                    for name in ("patient_token", "encounter_token", "category", "code", "description", "units", "type")
                ]
            },
        },
    },
    "metricsSpec": [
        {"type": "count", "name": "events"},
        {"type": "doubleSum", "name": "value_sum", "fieldName": "value"},
    ],
    "granularitySpec": {
        "type": "uniform",
        "segmentGranularity": "DAY",
        "queryGranularity": "MINUTE",
        "rollup": False,
        "intervals": [DAY],
    },
}
TUNING = {
    "type": "hadoop",
    "partitionsSpec": {"type": "hashed", "numShards": 1, "partitionDimensions": []},
    "forceExtendableShardSpecs": True,
    "maxParseExceptions": 0,
    "logParseExceptions": False,
    "cleanupOnFailure": True,
}
FRAGMENTS = [segment("09-01/09-02", "v1", number) for number in range(3)]


def batch(used: list[Segment], subject: Pipeline | None = None, *forced: str) -> Batch:
    (made,) = plan_night(subject or pipeline(), used, WINDOW, [span(text) for text in forced]).batches
    return made


def overlord(used: list[Segment], subject: Pipeline | None = None, *forced: str) -> dict[str, Any]:
    chosen = subject or pipeline()
    made = batch(used, chosen, *forced)
    return hadoop.overlord_task(chosen, PHI, profile(), made, task_id="drx_1", site=HadoopSite(PRIMARY))


def cli(used: list[Segment], subject: Pipeline | None = None, *forced: str) -> dict[str, Any]:
    chosen = subject or pipeline()
    made = batch(used, chosen, *forced)
    return hadoop.cli_spec(chosen, PHI, profile(), made, version="2026-10-06T02:30:00.000Z", unique_id="run_b0")


def input_spec(task: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = task["spec"]["ioConfig"]["inputSpec"]
    return found


def test_the_overlords_task() -> None:
    assert overlord(FRAGMENTS) == {
        "type": "index_hadoop",
        "id": "drx_1",
        "spec": {
            "dataSchema": SCHEMA,
            "ioConfig": {
                "type": "hadoop",
                "inputSpec": {
                    "type": "dataSource",
                    "ingestionSpec": {
                        "dataSource": "patient_vitals",
                        "intervals": [DAY],
                        "segments": [each.payload for each in FRAGMENTS],
                    },
                    "maxSplitSize": 500_000_000,
                },
            },
            "tuningConfig": TUNING | {"jobProperties": JOB | CLUSTER},
        },
    }


def test_the_overlord_is_given_nothing_that_it_refuses() -> None:
    """Source: HadoopIndexTask: "segmentOutputPath must be absent", also workingPath and metadataUpdateSpec."""
    spec = overlord(FRAGMENTS)["spec"]
    assert not {"segmentOutputPath", "metadataUpdateSpec"} & set(spec["ioConfig"])
    assert not {"workingPath", "version", "useExplicitVersion"} & set(spec["tuningConfig"])


def test_the_clis_spec() -> None:
    assert cli(FRAGMENTS) == {
        "type": "index_hadoop",
        "spec": {
            "dataSchema": SCHEMA,
            "ioConfig": {
                "type": "hadoop",
                "inputSpec": {
                    "type": "dataSource",
                    "ingestionSpec": {"dataSource": "patient_vitals", "intervals": [DAY]},
                    "segments": [{"segment": each.payload, "interval": DAY} for each in FRAGMENTS],
                    "maxSplitSize": 500_000_000,
                },
                "segmentOutputPath": "s3a://drx-phi-111122223333/druid/segments",
                "metadataUpdateSpec": {"type": "postgresql", "segmentTable": "druid_segments"},
            },
            "tuningConfig": TUNING
            | {
                "version": "2026-10-06T02:30:00.000Z",
                "workingPath": "/tmp/druid-indexing",
                "leaveIntermediate": True,
                "jobProperties": JOB,
            },
            "uniqueId": "run_b0",
        },
    }


def test_the_profiles_properties_come_last() -> None:
    job = profile().job.model_copy(update={"properties": {"mapreduce.map.memory.mb": "9", "x": "y"}})
    properties = hadoop.job_properties(PHI, profile().model_copy(update={"job": job}))
    assert (properties["mapreduce.map.memory.mb"], properties["x"]) == ("9", "y")


def test_the_cli_reads_the_visible_part_of_a_segment() -> None:
    used = [segment("09-01/09-02", "v1"), segment("09-01T05/09-01T06", "v2"), tombstone("09-01T06/09-01T07", "v3")]
    read = [(each["segment"]["version"], each["interval"]) for each in input_spec(cli(used))["segments"]]
    assert read == [
        ("v1", "2026-09-01T00:00:00.000Z/2026-09-01T05:00:00.000Z"),
        ("v2", "2026-09-01T05:00:00.000Z/2026-09-01T06:00:00.000Z"),
        ("v1", "2026-09-01T07:00:00.000Z/2026-09-02T00:00:00.000Z"),
    ]


def test_the_overlord_leaves_out_what_a_tombstone_serves() -> None:
    used = [segment("09-01/09-02", "v1"), tombstone("09-01T06/09-01T07", "v3")]
    ingestion = input_spec(overlord(used))["ingestionSpec"]
    assert ingestion["intervals"] == [
        "2026-09-01T00:00:00.000Z/2026-09-01T06:00:00.000Z",
        "2026-09-01T07:00:00.000Z/2026-09-02T00:00:00.000Z",
    ]
    assert [each["version"] for each in ingestion["segments"]] == ["v1"]


def test_bystanders_are_listed_for_the_overlord_and_not_read_by_the_cli() -> None:
    month, late = segment("09-01/10-01", "v0"), [segment("09-20/09-21", "v2", number) for number in range(3)]
    used = [month, *one_job("09-19/09-20", 1, version="v1"), *late]
    assert [each["version"] for each in input_spec(overlord(used))["ingestionSpec"]["segments"]] == ["v2"] * 3 + ["v0"]
    assert [each["segment"]["version"] for each in input_spec(cli(used))["segments"]] == ["v2"] * 3


def test_a_segment_of_two_chunks_is_listed_once() -> None:
    used = [segment("09-01/10-01", "v0"), *one_job("09-16/09-17", 1, version="v1")]
    task = overlord(used, None, "09-15/09-16", "09-17/09-18")
    assert [each["version"] for each in input_spec(task)["ingestionSpec"]["segments"]] == ["v0"]


CLAIMS = {"type": "static", "paths": ["s3://drx-phi-111122223333/in/", "s3://b-ucket/{day}/x"]}
VITALS = {"type": "datasource", "datasource": "patient_vitals"}


def snapshot(**claims: Any) -> Pipeline:
    """What is built from vitals and files of claims."""
    return pipeline(datasource="patient_snapshot", inputs=[VITALS, CLAIMS | claims])


def derived(subject: Pipeline, *days: Chunk) -> dict[str, Any]:
    return hadoop.overlord_task(subject, PHI, profile(), Batch(0, days, 1), task_id="drx_1", site=HadoopSite(PRIMARY))


def day(number: int, *sources: Segment) -> Chunk:
    return Chunk(span(f"09-0{number}/09-0{number + 1}"), (), (), 1, sources)


def test_another_datasource_and_files_are_a_multi_input() -> None:
    task = derived(snapshot(), day(1, *FRAGMENTS))
    found = input_spec(task)
    assert [child["type"] for child in found["children"]] == ["dataSource", "static"]
    segments, files = found["children"]
    assert segments["ingestionSpec"]["dataSource"] == "patient_vitals"
    assert segments["ingestionSpec"]["segments"] == [each.payload for each in FRAGMENTS]
    assert files["paths"] == "s3a://drx-phi-111122223333/in/,s3a://b-ucket/2026-09-01/x"
    assert task["spec"]["dataSchema"]["dataSource"] == "patient_snapshot"


def test_an_address_with_a_day_stands_for_each_day_of_the_batch() -> None:
    found = input_spec(derived(snapshot(), day(1, *FRAGMENTS), day(3, segment("09-03/09-04"))))
    assert found["children"][1]["paths"] == (
        "s3a://drx-phi-111122223333/in/,s3a://b-ucket/2026-09-01/x,s3a://b-ucket/2026-09-03/x"
    )


def test_a_day_of_files_alone_has_no_segments_to_read() -> None:
    segments = input_spec(derived(snapshot(), day(1)))["children"][0]
    assert segments["ingestionSpec"]["ignoreWhenNoSegments"]
    assert segments["ingestionSpec"]["segments"] == []
    assert "ignoreWhenNoSegments" not in input_spec(overlord(FRAGMENTS))["ingestionSpec"]


def test_an_unload_without_rows_is_no_input() -> None:
    empty = snapshot(paths=[], unload="claims")
    assert input_spec(derived(empty, day(1, *FRAGMENTS)))["type"] == "dataSource"


@pytest.mark.parametrize("file_format", ["json", "csv"])
def test_files_are_read_by_the_one_parser(file_format: str) -> None:
    parse_spec = derived(snapshot(format=file_format), day(1))["spec"]["dataSchema"]["parser"]["parseSpec"]
    assert parse_spec["format"] == file_format
    columns = ["timestamp", *(column.name for column in pipeline().dimensions), "value"]
    assert parse_spec.get("columns") == (columns if file_format == "csv" else None)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"inputs": [{"type": "datasource", "datasource": "patient_labs"}]}, "field inputs: it reads patient_labs"),
        ({"metrics": []}, "field metrics: no metric"),
    ],
)
def test_what_druids_reader_cannot_do_is_refused(changes: dict[str, Any], names: str) -> None:
    made = batch(FRAGMENTS)
    with pytest.raises(ConfigurationError, match=names):
        hadoop.overlord_task(pipeline(**changes), PHI, profile(), made, task_id="drx_1", site=HadoopSite(PRIMARY))
