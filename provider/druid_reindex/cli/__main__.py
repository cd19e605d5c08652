"""``python -m druid_reindex.cli`` is ``druid-reindex``."""

from druid_reindex.cli.main import app

app(prog_name="druid-reindex")
