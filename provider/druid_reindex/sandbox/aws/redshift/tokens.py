"""Redshift's words: a statement cut into tokens, for what sqlglot's grammar does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlglot.dialects import Redshift
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal, error


class _Words(Redshift):  # type: ignore[misc]
    """Redshift's words, without the statements of which sqlglot makes one text."""

    class Tokenizer(Redshift.Tokenizer):  # type: ignore[misc]
        COMMANDS = set[TokenType]()


# A text between dollars is quoted as one between apostrophes is.
TEXTS = {TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING}
QUOTED = {*TEXTS, TokenType.IDENTIFIER}
NO_NAMES = {*QUOTED, TokenType.NUMBER}


def cut(sql: str) -> list[Token]:
    """Return the statement's tokens. Raises SqlRefusal for an open quote or comment."""
    try:
        return list(_Words().tokenize(sql))
    except TokenError as raised:
        raise SqlRefusal(error(f"syntax error: {str(raised).splitlines()[0]}")) from raised


def placeholders(sql: str) -> list[str]:
    """Return the names of the parameters in the statement, `:name`, in their order; those in quotes are none."""
    found = cut(sql)
    return [
        after.text
        for colon, after in pairwise(found)
        if colon.token_type is TokenType.COLON and after.token_type not in NO_NAMES and after.start == colon.end + 1
    ]


def split(sql: str) -> list[list[Token]]:
    """Return the tokens of each statement of a text; empty statements are dropped."""
    statements: list[list[Token]] = [[]]
    for token in cut(sql):
        if token.token_type is TokenType.SEMICOLON:
            statements.append([])
        else:
            statements[-1].append(token)
    return [each for each in statements if each]


@dataclass
class Words:
    """Reads a statement's tokens from left to right; each method refuses what it does not find, as Redshift would."""

    sql: str
    tokens: Sequence[Token]
    at: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """Return a word to come in upper case; empty for quoted ones and beyond the end."""
        position = self.at + ahead
        if position >= len(self.tokens) or self.tokens[position].token_type in QUOTED:
            return ""
        return str(self.tokens[position].text).upper()

    def take(self, *words: str) -> bool:
        """Pass over the words and return True when they come next, all of them; else False."""
        if any(self.peek(number) != word for number, word in enumerate(words)):
            return False
        self.at += len(words)
        return True

    def need(self, *words: str) -> None:
        """Pass over the words. Raises SqlRefusal when others come."""
        if not self.take(*words):
            raise self.refusal()

    def string(self) -> str:
        """Return the string literal that comes next. Raises SqlRefusal."""
        return self._of(*TEXTS)

    def number(self) -> str:
        """Return the number that comes next. Raises SqlRefusal."""
        return self._of(TokenType.NUMBER)

    def name(self) -> str:
        """Return the name that comes next, folded to lower case also when quoted, as Redshift does by default.

        Source: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
        """
        return self.verbatim().lower()

    def verbatim(self) -> str:
        """Return the name that comes next as it is written: user names keep their case."""
        if self.ended or self.tokens[self.at].token_type in TEXTS:
            raise self.refusal()
        text = str(self.tokens[self.at].text)
        if self.tokens[self.at].token_type is not TokenType.IDENTIFIER and not (text[0].isalpha() or text[0] == "_"):
            raise self.refusal()
        self.at += 1
        return text

    def qualified(self) -> tuple[str, ...]:
        """Return the name of a relation, with its schema where that is said."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        return tuple(parts)

    def names(self) -> tuple[str, ...]:
        """Return the names of a list in parentheses; empty where none begins."""
        if not self.take("("):
            return ()
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.need(")")
        return tuple(found)

    def end(self) -> None:
        """Raise SqlRefusal when something is left."""
        if not self.ended:
            raise self.refusal()

    def refusal(self) -> SqlRefusal:
        """Return the error that names the word which comes next."""
        if self.ended:
            return SqlRefusal(error("syntax error at end of input"))
        return SqlRefusal(error(f'syntax error at or near "{self.tokens[self.at].text}"'))

    def _of(self, *kinds: TokenType) -> str:
        if self.ended or self.tokens[self.at].token_type not in kinds:
            raise self.refusal()
        self.at += 1
        return str(self.tokens[self.at - 1].text)
