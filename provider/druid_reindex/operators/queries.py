"""What a SELECT reads, as OpenLineage's parser says: a small library by itself, of the extra ``openlineage``.

Source: https://github.com/OpenLineage/OpenLineage/tree/main/integration/sql
"""

from __future__ import annotations

from druid_reindex.evidence.lineage import Query


def read_query(sql: str, dialect: str) -> Query:
    """What the SELECT in ``sql`` reads; an empty Query where it cannot be read, whose text is told to nobody.

    Raises ImportError without the extra.
    """
    import openlineage_sql  # an extra

    try:
        found = openlineage_sql.parse([sql], dialect=dialect)
    except RuntimeError:
        return Query()
    if found is None or found.errors:
        return Query()
    columns = {
        column.descendant.name: tuple((made.origin.qualified_name, made.name) for made in column.lineage if made.origin)
        for column in found.column_lineage
    }
    return Query(tuple(table.qualified_name for table in found.in_tables), columns)
