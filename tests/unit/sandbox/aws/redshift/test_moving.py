"""What UNLOAD and COPY say."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.redshift import moving
from druid_reindex.sandbox.aws.redshift.moving import MIB, Compression, Format
from druid_reindex.sandbox.aws.redshift.refusals import SqlRefusal
from druid_reindex.sandbox.aws.redshift.tokens import Words, cut

ROLE = "arn:aws:iam::111122223333:role/r"


def unload(options: str, role: str = ROLE) -> moving.Unload:
    sql = f"UNLOAD ('SELECT ''x''') TO 's3://b/p' IAM_ROLE '{role}' {options}"
    return moving.unload(Words(sql, cut(sql)))


def copy(options: str, table: str = "t") -> moving.Copy:
    sql = f"COPY {table} FROM 's3://b/p' IAM_ROLE '{ROLE}' {options}"
    return moving.copy(Words(sql, cut(sql)))


def test_an_unload() -> None:
    found = unload(
        "FORMAT AS PARQUET MANIFEST VERBOSE ENCRYPTED KMS_KEY_ID 'k' MAXFILESIZE 64 MB ALLOWOVERWRITE "
        "REGION AS 'us-west-2'"
    )
    assert (found.query, found.uri, found.roles, found.format) == ("SELECT 'x'", "s3://b/p", (ROLE,), Format.PARQUET)
    assert (found.manifest, found.verbose, found.encrypted, found.kms_key) == (True, True, True, "k")
    assert (found.max_file_bytes, found.allow_overwrite, found.region) == (64 * MIB, True, "us-west-2")


def test_a_chain_of_roles() -> None:
    assert unload("CSV", f"{ROLE},{ROLE}2").roles == (ROLE, f"{ROLE}2")


def test_a_copy() -> None:
    found = copy(
        "FORMAT CSV DELIMITER AS '|' BZIP2 MANIFEST IGNOREHEADER AS 1 MAXERROR 9 COMPUPDATE OFF", 'S."T" (A, b)'
    )
    assert (found.table, found.columns, found.delimiter) == (("s", "t"), ("a", "b"), "|")
    assert (found.compression, found.ignored_header_rows, found.max_errors) == (Compression.BZIP2, 1, 9)
    assert copy("JSON 's3://b/paths.json'").json == "s3://b/paths.json"
    assert copy("JSON GZIP").json == "auto"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("CSV CLEANPATH ALLOWOVERWRITE", "CLEANPATH and ALLOWOVERWRITE"),
        ("CSV KMS_KEY_ID 'k'", "requires the ENCRYPTED"),
        ("PARQUET HEADER", "HEADER"),
        ("PARQUET GZIP", "compression"),
        ("CSV MAXFILESIZE 1 MB", "MAXFILESIZE"),
        ("CSV MAXFILESIZE 7 GB", "MAXFILESIZE"),
        ("CSV CSV", "redundant"),
        ("CSV GZIP BZIP2", "redundant"),
        ("PARTITION BY (a)", "the option PARTITION"),
        ("FORMAT ORC", "the format ORC"),
        ("MANIFEST", "a format other"),
        ("CSV DELIMITER 'ab'", "one character"),
        ("ACCESS_KEY_ID 'AKIA'", "the option ACCESS_KEY_ID"),
    ],
)
def test_an_unload_that_is_refused(options: str, said: str) -> None:
    with pytest.raises(SqlRefusal, match=said):
        unload(options)


@pytest.mark.parametrize(
    ("options", "said"),
    [("PARQUET MAXERROR 5", "MAXERROR"), ("CSV MAXERROR 100001", "too big"), ("CSV HEADER", "HEADER")],
)
def test_a_copy_that_is_refused(options: str, said: str) -> None:
    with pytest.raises(SqlRefusal, match=said):
        copy(options)


def test_roles_are_arns_without_spaces() -> None:
    with pytest.raises(SqlRefusal, match="commas and no spaces"):
        unload("CSV", f"{ROLE}, {ROLE}")
    sql = "UNLOAD ('SELECT 1') TO 's3://b/p' CSV"
    with pytest.raises(SqlRefusal, match="IAM_ROLE is required"):
        moving.unload(Words(sql, cut(sql)))


def test_names_and_literals_as_sql() -> None:
    assert moving.identifier('a"b') == '"a""b"'
    assert moving.literal("it's") == "'it''s'"
    assert moving.literal("a\\'b") == " E'a\\\\''b'"
    assert moving.quoted(("s", "t")) == '"s"."t"'
