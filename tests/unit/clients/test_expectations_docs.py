"""Great Expectations' results as documents."""

from __future__ import annotations

from druid_reindex.clients.expectations_docs import page_of, results_document


def test_a_suite_without_expectations_has_a_page_too() -> None:
    document = results_document([], "vitals batch 0")
    assert document.to_json_dict()["success"] is True
    page = page_of(document)
    assert page.count("Content-Security-Policy") == 1
    assert "vitals batch 0" in page
    assert "<img" not in page
