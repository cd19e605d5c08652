"""What CREATE TABLE and ALTER TABLE say of distribution, sorting, encoding and backup: taken out and kept apart.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot.tokenizer_core import TokenType

from druid_reindex.sandbox.aws.redshift.tokens import Words

STYLES = {"AUTO", "EVEN", "KEY", "ALL"}


@dataclass
class Physical:
    """How Redshift would lay the table out; PostgreSQL does not."""

    dist_style: str = ""
    dist_key: str = ""
    sort_keys: tuple[str, ...] = ()
    encodings: dict[str, str] = field(default_factory=dict)
    is_temporary: bool = False


@dataclass
class _Reader:
    words: Words
    found: Physical
    cuts: list[tuple[int, int]] = field(default_factory=list)
    depth: int = 0
    column: str = ""

    def read(self) -> None:
        while not self.words.ended and not self._is_query():
            start = self.words.at
            if self._attribute():
                self.cuts.append((start, self.words.at))
            else:
                self._step()

    def _is_query(self) -> bool:
        """Of CREATE TABLE … AS nothing that follows is the table's own."""
        return self.depth == 0 and self.words.peek() == "AS"

    def _step(self) -> None:
        word = self.words.peek()
        before = self.words.tokens[self.words.at - 1].token_type if self.words.at else None
        if self.depth == 1 and before in {TokenType.L_PAREN, TokenType.COMMA}:
            self.column = str(self.words.tokens[self.words.at].text).lower()
        self.depth += {"(": 1, ")": -1}.get(word, 0)
        self.words.at += 1

    def _attribute(self) -> bool:
        words = self.words
        if words.take("ENCODE"):
            self.found.encodings[self.column if self.depth else ""] = words.name()
        elif words.take("DISTSTYLE"):
            self.found.dist_style = self._style()
        elif words.take("DISTKEY"):
            names = words.names()
            self.found.dist_key = names[0] if names else self.column
            self.found.dist_style = self.found.dist_style or "KEY"
        elif self._sort_key():
            pass
        elif words.peek() == "BACKUP" and words.peek(1) in {"YES", "NO"}:
            words.at += 2
        else:
            return False
        return True

    def _sort_key(self) -> bool:
        words = self.words
        if words.peek() in {"COMPOUND", "INTERLEAVED"} and words.peek(1) == "SORTKEY":
            words.at += 1
        if not words.take("SORTKEY"):
            return False
        if self.depth:
            self.found.sort_keys = (*self.found.sort_keys, self.column)
        elif not words.take("AUTO"):
            self.found.sort_keys = words.names()
        return True

    def _style(self) -> str:
        if self.words.peek() not in STYLES:
            raise self.words.refusal()
        return self.words.verbatim().upper()


def without_layout(sql: str, words: Words) -> tuple[str, Physical]:
    """Return the definition without its layout, and the layout. Raises SqlRefusal when that cannot be read."""
    reader = _Reader(words, Physical(is_temporary=words.peek(1) in {"TEMP", "TEMPORARY"}))
    reader.read()
    text, end = "", words.tokens[0].start
    for first, after in reader.cuts:
        text += sql[end : words.tokens[first].start]
        end = words.tokens[after - 1].end + 1
    return text + sql[end : words.tokens[-1].end + 1], reader.found
