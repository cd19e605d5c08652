"""The nouns that two or more rooms share: Pipeline, Boundary, ClusterProfile, RunId, Interval, Segment, S3Uri, Arn, …

In → out: text and JSON in, frozen values out; every value is checked when it is made. May import ``errors`` only
(and pydantic, PyYAML). What it costs: a second spelling of some foreign JSON, so that every other room can rely on it.
"""
