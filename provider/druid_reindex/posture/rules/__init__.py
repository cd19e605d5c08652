"""The rules, one small function each, registered under its id.

In → out: one subject of ``Facts`` (a bucket, a key, the configuration, …) → a ``Verdict``. A rule says nothing of
gates, citations or remedies: these stand in ``controls.toml``. Importing this package registers all rules. What it
costs: a rule that is not in a module named below is never judged, which a test refuses.
"""

from druid_reindex.posture.rules import bucket, druid, emr_cluster, emr_configuration, key, network
from druid_reindex.posture.rules.registry import RULES

__all__ = ["RULES", "bucket", "druid", "emr_cluster", "emr_configuration", "key", "network"]
