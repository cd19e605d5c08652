"""The plan as one HTML page for people: times, counts and bytes, no row of data, nothing loaded from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined

from druid_reindex.plan.estimate import Estimate
from druid_reindex.plan.rows import ChunkRow

_TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page.title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1d2430; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d8dde6; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.limit { background: #fff3cd; padding: .5rem 1rem; border-left: 4px solid #b7791f; }
</style>
</head>
<body>
<h1>{{ page.title }}</h1>
<p>{{ page.explanation }}</p>
{% for limit in page.over_limits %}<p class="limit">Waits for approval: {{ limit }}.</p>
{% endfor -%}
<table>
{% for name, value in page.facts.items() %}<tr><th scope="row">{{ name }}</th><td>{{ value }}</td></tr>
{% endfor -%}
<tr><th scope="row">Segments to read</th><td>{{ number(page.estimate.read_bytes) }} bytes</td></tr>
<tr><th scope="row">Estimated instance-hours</th><td>{{ number(page.estimate.instance_hours) }}</td></tr>
<tr><th scope="row">Estimated cost in US dollars</th><td>{{ number(page.estimate.cost_usd) }}</td></tr>
{% if page.estimate.unknown %}<tr><th scope="row">Missing for the estimate</th><td>{{ page.estimate.unknown }}</td></tr>
{% endif -%}
</table>
{% if page.rows -%}
<table>
<thead><tr><th>Batch</th><th>Time chunk (UTC)</th><th>Why</th><th class="number">Segments before</th>\
<th class="number">Rows</th><th class="number">Bytes</th><th class="number">Segments after</th>\
<th class="number">Instance-hours</th><th class="number">US dollars</th></tr></thead>
<tbody>
{% for row in page.rows -%}
<tr><td>{{ row.batch }}</td><td>{{ row.interval }}</td><td>{{ row.reasons | join(", ") }}</td>\
<td class="number">{{ number(row.segments_before) }}</td><td class="number">{{ number(row.rows) }}</td>\
<td class="number">{{ number(row.size_bytes) }}</td><td class="number">{{ number(row.segments_after) }}</td>\
<td class="number">{{ number(row.instance_hours) }}</td><td class="number">{{ number(row.cost_usd) }}</td></tr>
{% endfor -%}
</tbody>
</table>
<p>A chunk's instance-hours and dollars are its share of the work; the night's have the cluster's start and end too.</p>
{% endif -%}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class PlanPage:
    """What the page tells; ``facts`` are its head's rows, such as the run and the window."""

    title: str
    explanation: str
    facts: Mapping[str, str]
    rows: Sequence[ChunkRow]
    estimate: Estimate
    over_limits: Sequence[str]


def plan_page(page: PlanPage) -> bytes:
    """``page`` as HTML in UTF-8, every value escaped; equal pages give equal bytes."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_TEMPLATE).render(page=page, number=_number).encode()


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,}"
