"""The form that Airflow shows when a person starts a night: the DAG's params.

Each has a default, since Airflow refuses a scheduled DAG with a param that needs a value.
Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/core-concepts/params.html
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow.sdk import Param

from druid_reindex.model.pipeline import Pipeline
from druid_reindex.operators.request import BACKFILL_TICK, REASON_CHARACTERS_MIN, engines

_INSTANT = r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?"
INTERVAL_PATTERN = f"^{_INSTANT}/{_INSTANT}$"


def trigger_form(pipeline: Pipeline, profiles: Sequence[str]) -> dict[str, Param]:
    """The params of a night of ``pipeline``; ``profiles`` are the cluster profiles to choose from."""
    columns = [each.name for each in pipeline.dimensions]
    return {
        "reason": Param(
            None, type=["null", "string"], minLength=REASON_CHARACTERS_MIN, maxLength=500, title="Reason",
            description="Why you start this run, in a sentence without patients' data. Manual runs and backfills fail "
            f"without one. For a backfill, also tick “{BACKFILL_TICK}”: without it Airflow sends no parameters.",
        ),
        "interval": Param(
            None, type=["null", "string"], pattern=INTERVAL_PATTERN, title="Interval",
            description="start/end such as 2026-09-01/2026-09-08, UTC unless it says otherwise, widened to whole time "
            f"chunks ({pipeline.granularity.segment.value}). Empty: the lookback before the run, less what still "
            "streams. Leave it empty in a "
            f"backfill, whose runs take a day each in {pipeline.schedule.timezone}.",
        ),
        "force": Param(
            default=False, type="boolean", title="Force",
            description="Rebuild every time chunk of the interval, also those that need it not.",
        ),
        "dry_run": Param(
            default=False, type="boolean", title="Dry run",
            description="Only plan: the plan is stored with its page, and nothing is launched.",
        ),
        "batches": Param(
            None, type=["null", "array"], items={"type": "integer", "minimum": 0}, minItems=1, title="Batches",
            description="Numbers of the plan's batches to run, such as [1, 2]. Empty: all.",
        ),
        "engine": Param(
            pipeline.engine.value, type="string", enum=[*engines(pipeline)], title="Engine",
            description="What rebuilds the segments.",
        ),
        "profile": Param(
            pipeline.cluster.profile, type="string", enum=[*profiles], title="Cluster profile",
            description="A file of emr_configs/profiles/.",
        ),
        "purge": Param(
            None, type=["null", "object"], required=["key_file", "column"], additionalProperties=False,
            properties={
                "key_file": {"type": "string", "pattern": "^s3://[^/]+/.+"}, "column": {"enum": columns},
            },
            title="Purge",
            description='{"key_file": "s3://bucket/key", "column": "a dimension"}: rebuild all that is served without '
            "the rows of the keys in the file. `druid-reindex purge` asks for it, and disposes of the old versions.",
        ),
    }  # fmt: skip
