"""What UNLOAD and COPY say, by a parser of our own: sqlglot keeps the first as a text and loses parts of the other.

Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal, error, outside
from druid_reindex.sandbox.aws.redshift.tokens import Words

MIB, GIB = 1 << 20, 1 << 30
SMALLEST_FILE, BIGGEST_FILE = 5 * MIB, int(6.2 * GIB)
MAX_ERRORS = 100_000


class Format(StrEnum):
    """How the files are written."""

    PARQUET = "PARQUET"
    CSV = "CSV"
    JSON = "JSON"


class Compression(StrEnum):
    """How the files are packed."""

    NONE = ""
    GZIP = "gz"
    BZIP2 = "bz2"


@dataclass
class Moved:
    """What UNLOAD and COPY have in common; `roles` is a chain, each one assumed by the one before."""

    uri: str = ""
    roles: tuple[str, ...] = ()
    format: Format | None = None
    region: str = ""
    delimiter: str = ""
    compression: Compression = Compression.NONE
    manifest: bool = False


@dataclass
class Unload(Moved):
    """One UNLOAD."""

    query: str = ""
    verbose: bool = False
    encrypted: bool = False
    kms_key: str = ""
    header: bool = False
    parallel: bool = True
    allow_overwrite: bool = False
    clean_path: bool = False
    max_file_bytes: int = BIGGEST_FILE
    null_as: str = ""
    extension: str | None = None


@dataclass
class Copy(Moved):
    """One COPY; `json` is `auto`, `auto ignorecase`, or where the paths are."""

    table: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    json: str = "auto"
    ignored_header_rows: int = 0
    max_errors: int = 0
    null_as: str | None = None
    empty_as_null: bool = False
    truncate_columns: bool = False
    ignored: list[str] = field(default_factory=list)


def identifier(name: str) -> str:
    """Return the name as SQL writes a quoted one. Raises SqlRefusal for a name that cannot be."""
    if "\0" in name:
        raise SqlRefusal(error("a name cannot hold a null character"))
    return '"' + name.replace('"', '""') + '"'


def quoted(name: tuple[str, ...]) -> str:
    """Return a relation's name as SQL."""
    return ".".join(identifier(part) for part in name)


def literal(text: str) -> str:
    """Return the text as PostgreSQL writes a literal, whatever it holds."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{escaped}'" if "\\" in text else f"'{escaped}'"


def unload(words: Words) -> Unload:
    """Return what an UNLOAD says. Raises SqlRefusal."""
    found = Unload()
    words.need("UNLOAD", "(")
    found.query = words.string()
    words.need(")", "TO")
    found.uri = words.string()
    _options(words, found, _UNLOAD)
    _both(found)
    if found.clean_path and found.allow_overwrite:
        raise SqlRefusal(error("CLEANPATH and ALLOWOVERWRITE cannot be specified together"))
    if found.kms_key and not found.encrypted:
        raise SqlRefusal(error("KMS_KEY_ID requires the ENCRYPTED option"))
    if found.header and found.format is not Format.CSV:
        raise SqlRefusal(error(f"HEADER is not supported for UNLOAD to {found.format}"))
    return found


def copy(words: Words) -> Copy:
    """Return what a COPY says. Raises SqlRefusal."""
    found = Copy()
    words.need("COPY")
    found.table = words.qualified()
    found.columns = words.names()
    words.need("FROM")
    found.uri = words.string()
    _options(words, found, _COPY)
    _both(found)
    if found.format is Format.PARQUET and (found.max_errors or found.region):
        raise SqlRefusal(error("MAXERROR and REGION are not supported for PARQUET"))
    return found


def _both(found: Moved) -> None:
    if not found.uri.startswith("s3://"):
        raise outside("a place other than s3://")
    if not found.roles:
        raise SqlRefusal(error("IAM_ROLE is required: keys in SQL are not supported here"))
    if found.format is None:
        raise outside("a format other than PARQUET, CSV and JSON")
    if found.format is Format.PARQUET and (found.compression or found.delimiter):
        raise SqlRefusal(error("compression and DELIMITER are not supported for PARQUET"))
    if found.delimiter and (found.format is not Format.CSV or len(found.delimiter) != 1):
        raise SqlRefusal(error("DELIMITER is one character, of CSV"))


def _options(words: Words, found: Moved, known: dict[str, Callable[[Words, Moved], None]]) -> None:
    seen: set[str] = set()
    while not words.ended:
        word = words.peek()
        reader = known.get(word)
        if reader is None:
            raise outside(f"the option {word}") if word else words.refusal()
        if word in seen:
            raise SqlRefusal(error(f"conflicting or redundant options: {word}"))
        seen.add(word)
        words.at += 1
        reader(words, found)


def _role(words: Words, found: Moved) -> None:
    if words.take("DEFAULT"):
        found.roles = ("default",)
        return
    found.roles = tuple(words.string().split(","))
    if any(not role.startswith("arn:") for role in found.roles):
        raise SqlRefusal(error("Invalid credentials: a role is an ARN, and a chain of roles has commas and no spaces"))


def _format(words: Words, found: Moved) -> None:
    words.take("AS")
    word = words.peek()
    if word not in set(Format):
        raise outside(f"the format {word or 'of that name'}")
    words.at += 1
    _as(Format(word))(words, found)


def _as(chosen: Format) -> Callable[[Words, Moved], None]:
    def read(words: Words, found: Moved) -> None:
        if found.format is not None:
            raise SqlRefusal(error("conflicting or redundant options: FORMAT"))
        found.format = chosen
        if chosen is Format.JSON and isinstance(found, Copy):
            words.take("AS")
            try:
                found.json = words.string()
            except SqlRefusal:
                found.json = "auto"

    return read


def _text(name: str) -> Callable[[Words, Moved], None]:
    def read(words: Words, found: Moved) -> None:
        words.take("AS")
        setattr(found, name, words.string())

    return read


def _flag(name: str) -> Callable[[Words, Moved], None]:
    def read(words: Words, found: Moved) -> None:
        del words
        setattr(found, name, True)

    return read


def _switch(name: str) -> Callable[[Words, Moved], None]:
    def read(words: Words, found: Moved) -> None:
        for word in ("ON", "TRUE", "OFF", "FALSE"):
            if words.take(word):
                setattr(found, name, word in {"ON", "TRUE"})
                return

    return read


def _packed(chosen: Compression) -> Callable[[Words, Moved], None]:
    def read(words: Words, found: Moved) -> None:
        del words
        if found.compression:
            raise SqlRefusal(error("conflicting or redundant options: compression"))
        found.compression = chosen

    return read


def _manifest(words: Words, found: Moved) -> None:
    found.manifest = True
    if isinstance(found, Unload):
        found.verbose = words.take("VERBOSE")


def _encrypted(words: Words, found: Moved) -> None:
    if words.take("AUTO"):
        return
    setattr(found, "encrypted", True)  # noqa: B010 - of Unload alone, as is this option


def _count(name: str, most: int) -> Callable[[Words, Moved], None]:
    def read(words: Words, found: Moved) -> None:
        words.take("AS")
        number = int(words.number())
        if number > most:
            raise SqlRefusal(error(f"{name} is too big: {number} is more than {most}"))
        setattr(found, name, number)

    return read


def _size(words: Words, found: Moved) -> None:
    words.take("AS")
    amount = float(words.number())
    unit = GIB if words.take("GB") else MIB
    if unit == MIB:
        words.take("MB")
    size = int(amount * unit)
    if not SMALLEST_FILE <= size <= BIGGEST_FILE:
        raise SqlRefusal(error("MAXFILESIZE must be between 5MB and 6.2GB"))
    setattr(found, "max_file_bytes", size)  # noqa: B010 - of Unload alone, as is this option


def _without_effect(name: str) -> Callable[[Words, Moved], None]:
    def read(words: Words, found: Moved) -> None:
        words.take("AS")
        _switch(name)(words, found)
        if isinstance(found, Copy):
            found.ignored.append(name)

    return read


_BOTH: dict[str, Callable[[Words, Moved], None]] = {
    "IAM_ROLE": _role,
    "FORMAT": _format,
    "PARQUET": _as(Format.PARQUET),
    "CSV": _as(Format.CSV),
    "JSON": _as(Format.JSON),
    "REGION": _text("region"),
    "DELIMITER": _text("delimiter"),
    "GZIP": _packed(Compression.GZIP),
    "BZIP2": _packed(Compression.BZIP2),
    "MANIFEST": _manifest,
}
_UNLOAD = _BOTH | {
    "ENCRYPTED": _encrypted,
    "KMS_KEY_ID": _text("kms_key"),
    "HEADER": _flag("header"),
    "PARALLEL": _switch("parallel"),
    "ALLOWOVERWRITE": _flag("allow_overwrite"),
    "CLEANPATH": _flag("clean_path"),
    "MAXFILESIZE": _size,
    "EXTENSION": _text("extension"),
}
_COPY = _BOTH | {
    "IGNOREHEADER": _count("ignored_header_rows", 1 << 31),
    "MAXERROR": _count("max_errors", MAX_ERRORS),
    "NULL": _text("null_as"),
    "EMPTYASNULL": _flag("empty_as_null"),
    "TRUNCATECOLUMNS": _flag("truncate_columns"),
    "COMPUPDATE": _without_effect("compupdate"),
    "STATUPDATE": _without_effect("statupdate"),
}
