"""Great Expectations' results as the documents that people know: its JSON, and its Data Docs as one static page.

The page asks nobody: it has no script and no picture of another server, and tells the browser to fetch none.
Source: https://docs.greatexpectations.io/docs/core/configure_project_settings/configure_data_docs/
Source: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_ELSEWHERE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*https?://[^>]*>|<footer\b.*?</footer>", re.DOTALL | re.IGNORECASE
)
_ALONE = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    '<meta name="referrer" content="no-referrer">'
    "<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;"
    "padding:.3em .6em;text-align:left}.collapse{display:block}</style>"
)


def results_document(outcomes: Sequence[Any], title: str) -> Any:
    """Great Expectations' own document of a suite's outcomes."""
    import great_expectations
    from great_expectations.core import ExpectationSuiteValidationResult

    held, now = sum(bool(each.success) for each in outcomes), datetime.now(UTC).isoformat(timespec="seconds")
    return ExpectationSuiteValidationResult(
        success=held == len(outcomes),
        results=list(outcomes),
        suite_name=title,
        statistics={
            "evaluated_expectations": len(outcomes),
            "successful_expectations": held,
            "unsuccessful_expectations": len(outcomes) - held,
            "success_percent": round(100 * held / len(outcomes), 2) if outcomes else None,
        },
        meta={
            "run_id": {"run_name": title, "run_time": now},
            "great_expectations_version": great_expectations.__version__,
            "validation_time": now,
            "batch_spec": {},
            "batch_markers": {},
            "active_batch_definition": {},
        },
    )


def page_of(document: Any) -> str:
    """Data Docs' page of the document, as one file."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    page = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(document))
    return re.sub(r"<head>", lambda _: f"<head>{_ALONE}", _ELSEWHERE.sub("", page), count=1)
