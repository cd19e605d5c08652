"""Imported first: an Airflow home of this process's own, which Airflow makes when it is imported; tests' modules."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

FOLDER = tempfile.TemporaryDirectory(prefix="druid-reindex-airflow-", ignore_cleanup_errors=True)
os.environ["AIRFLOW_HOME"] = FOLDER.name
sys.path.insert(0, str(Path(__file__).parents[1]))
