"""An EMR whose steps leave what ``export.sh`` leaves of a purge, without a segment being read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.model.cluster import Step, StepState
from druid_reindex.model.uri import S3Uri
from step_commands import spec_of
from twins import FakeEmr, FakeStore
from warehouse import KEY


@dataclass
class Sieving(FakeEmr):
    """Of ``rows`` in each chunk, ``keyed`` have a key; the new segments have the others, and ``left`` with a key.

    A datasource that is only counted has ``in_source`` of them in each chunk.
    """

    store: FakeStore = field(default_factory=FakeStore)
    rows: int = 100
    keyed: int = 10
    left: int = 0
    in_source: int = 0
    result: dict[str, Any] = field(default_factory=dict)

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        step = super().describe_step(cluster_id, step_id)
        if step.state is StepState.COMPLETED:
            self._leave(self.spec_of(step_id))
        return step

    def spec_of(self, step_id: str) -> S3Uri:
        """Where the step's spec is."""
        return spec_of(self.added[int(step_id[2:]) - 1])

    def specs(self) -> list[dict[str, Any]]:
        """What the steps were told, in their order."""
        return [json.loads(self.store.get(spec_of(step))) for step in self.added]

    def _leave(self, place: S3Uri) -> None:
        spec = json.loads(self.store.get(place))
        after = self.left if spec["metrics"] else self.in_source
        without, keyed = self.rows - self.keyed, self.keyed if spec["output"] else after
        told = {"without": without, "with": keyed, "metrics": {"events": without} if without else {}}
        chunks = {"/".join(chunk): told for chunk in spec["chunks"]}
        result = {"protocol": 1, "exit_code": 0, "keys": 2, "chunks": chunks} | self.result
        self._put(str(place).replace("spec.json", "result.json"), result)
        if spec["output"]:
            url = f"{spec['output']}part-00000.json.gz"
            self._put(url, {})
            entries = [{"url": url, "meta": {"content_length": 2, "record_count": without * len(chunks)}}]
            self._put(f"{spec['output']}manifest", {"entries": entries})

    def _put(self, uri: str, document: object) -> None:
        self.store.put(S3Uri.parse(uri), json.dumps(document).encode(), kms_key_arn=KEY)
