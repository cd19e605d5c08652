"""What a run's packs tell together: of each kind the newest word, and from which pack it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from druid_reindex.evidence.chain import split
from druid_reindex.evidence.pack import LINES
from druid_reindex.evidence.parts import VERSION, Kind, State
from druid_reindex.evidence.public_key import PublicKey
from druid_reindex.evidence.verify import Changed, Files, Verified, verify_all


@dataclass(frozen=True, slots=True)
class Word:
    """What one pack says of one kind; ``body`` is what is told, or why it is not."""

    kind: Kind
    state: State
    body: Mapping[str, Any]
    pack: str

    @property
    def why(self) -> str:
        """Why it is not told; empty where it is."""
        return "" if self.state is State.TOLD else str(self.body.get("why", ""))


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run's packs as far as they are as they were signed; ``changed`` is the first thing that is not."""

    packs: Sequence[Verified]
    changed: Changed | None
    words: Mapping[Kind, Word]

    def told(self, kind: Kind) -> Mapping[str, Any]:
        """What is told of the kind; empty where nothing is."""
        word = self.words.get(kind)
        return word.body if word is not None and word.state is State.TOLD else {}

    def untold(self, *states: State) -> list[Word]:
        """The kinds that are in one of these states, in the order of a pack's lines."""
        return [self.words[kind] for kind in Kind if kind in self.words and self.words[kind].state in states]


def read_packs(files: Sequence[Files], keys: Sequence[PublicKey]) -> Evidence:
    """What the packs tell; a pack that was changed tells nothing, and neither does any after it."""
    said = verify_all(files, keys)
    verified = [each for each in said if isinstance(each, Verified)]
    changed = next((each for each in said if isinstance(each, Changed)), None)
    bodies = {each.sequence: each.lines for each in files}
    words: dict[Kind, Word] = {}
    for pack in verified:
        for word in _words(pack.title.stem, bodies[pack.title.sequence] or b""):
            before = words.get(word.kind)
            if word.state is State.TOLD or before is None or before.state is not State.TOLD:
                words[word.kind] = word
    return Evidence(tuple(verified), changed, words)


def _words(stem: str, lines: bytes) -> list[Word]:
    read = [json.loads(line) for line in split(lines)]
    return [_word(each, stem + LINES) for each in read]


def _word(told: Mapping[str, Any], pack: str) -> Word:
    """What the line says; unread where it is of a version that this release does not know."""
    if told["version"] != VERSION:
        why = f"it is of version {told['version']}, and this release reads version {VERSION}"
        return Word(Kind(told["kind"]), State.UNREAD, {"why": why}, pack)
    return Word(Kind(told["kind"]), State(told["state"]), told["body"], pack)


def instant_of(text: object) -> datetime | None:
    """The instant (UTC) that ``text`` tells in ISO 8601; None where it tells none."""
    try:
        read = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC) if read is not None else None
