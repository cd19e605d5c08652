"""The commands that the documents show, and how each of them is known to work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
NEEDS_AWS = "# needs AWS"
_FENCE = re.compile(r"^(?P<ticks>```+)(?P<language>[^\n]*)\n(?P<body>.*?)^(?P=ticks)$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(^|\s+)#\s.*$")

# Run at once by tests/structure/test_documents.py, in a folder of the document's own with dags/ and emr_configs/.
AT_ONCE = frozenset({
    'export PATH="$PWD/.venv/bin:$PATH"',
    "druid-reindex --help",
    "druid-reindex --version",
    "druid-reindex status --help",
    "druid-reindex abort --help",
    "druid-reindex resume --help",
    "druid-reindex rollback --help",
    "druid-reindex hold --help",
    "druid-reindex orphans --help",
    "druid-reindex plan --help",
    "druid-reindex lease show --help",
    "druid-reindex lease break --help",
    "druid-reindex init nights",
    "druid-reindex init my-nights",
    "druid-reindex init shipped-by-the-new-release",
    "diff --recursive --brief shipped-by-the-new-release/dags dags || true",
    "diff --recursive --brief shipped-by-the-new-release/emr_configs emr_configs || true",
    "druid-reindex pipeline check dags/pipelines/patient_vitals.yaml",
    "druid-reindex pipeline check my-nights/dags/pipelines/patient_vitals.yaml --configs my-nights/emr_configs",
    "druid-reindex pipeline init --from-spec index_hadoop.json",
    "druid-reindex pipeline schema",
    "druid-reindex druid-user dags/pipelines/patient_vitals.yaml",
})  # fmt: skip
# Run by tests/sandbox/test_documents.py on the running sandbox, after those above, in the order of the document.
ON_THE_SANDBOX = frozenset({
    "make status",
    "make ui",
    'eval "$(druid-reindex sandbox env)"',
    'eval "$(.venv/bin/druid-reindex sandbox env)"',
    "aws s3 ls s3://drx-phi-111122223333/druid/segments/",
    "aws emr list-clusters --terminated --query 'Clusters[].Name'",
    "curl --silent --fail --noproxy '*' --cacert \"$DRUID_CA_FILE\" \"$DRUID_COORDINATOR_URL/status/health\"",
    "druid-reindex pipeline init --from-datasource patient_vitals",
    "druid-reindex pipeline init --from-datasource patient_vitals --output my-nights/drafted.yaml",
    "druid-reindex doctor dags/pipelines/patient_vitals.yaml",
    "druid-reindex certificates make secure",
    "druid-reindex certificates show secure",
    "druid-reindex status patient_vitals",
    "druid-reindex status manual__2026-10-06T02:30:00+00:00 --dag-id nightly_reindex__patient_vitals",
    "druid-reindex abort patient_vitals",
    "druid-reindex hold patient_vitals",
    "druid-reindex hold patient_vitals --release",
    "druid-reindex lease show patient_vitals",
    "druid-reindex plan patient_vitals --explain",
    "druid-reindex plan patient_vitals --interval 2026-09-01/2026-09-08 --force --json",
    "druid-reindex orphans",
    "druid-reindex orphans --reap",
    "druid-reindex retire patient_vitals --dry-run",
    "druid-reindex evidence report --latest",
})  # fmt: skip
# Run in a fresh home by the soak test of tests/sandbox/test_documents.py.
IN_A_FRESH_HOME = frozenset({"make nightly", "make down"})
# What runs this very test: that it would run them all is looked at.
THE_TESTS_THEMSELVES = frozenset({"make test"})
_CLI = "tests/unit/cli"
# Run by another test, in a state that a document cannot make.
BY_ANOTHER_TEST = {
    ".venv/bin/python tests/record_requests.py .sandbox/data/aws/decisions.jsonl": (
        "tests/contract/test_policy_mutation.py::test_the_record_has_what_the_clients_ask_now"
    ),
    "druid-reindex resume patient_vitals --from-batch 1": f"{_CLI}/test_runs.py::test_resume_clears_from_the_batch_on",
    "druid-reindex rollback patient_vitals": (
        f"{_CLI}/test_rollback.py::test_a_green_night_is_taken_back_after_a_yes_and_the_lease_is_given_back"
    ),
    "druid-reindex posture dags/pipelines/patient_vitals.yaml": (
        f"{_CLI}/test_posture.py::test_one_line_a_rule_and_a_good_end"
    ),
    'druid-reindex lease break patient_vitals --reason "its Airflow is gone"': (
        f"{_CLI}/test_lease.py::test_breaking_stops_the_owner_and_says_from_when_it_is_free"
    ),
}


@dataclass(frozen=True)
class Fence:
    """One fenced block of a document."""

    document: Path
    line: int
    language: str
    body: str

    @property
    def needs_aws(self) -> bool:
        """Whether its first line says that an account is needed."""
        return self.body.startswith(f"{NEEDS_AWS}\n")

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command line, without its comment."""

    fence: Fence
    text: str


def fences(document: Path) -> Iterator[Fence]:
    """The document's fenced blocks, in order."""
    text = document.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield Fence(document, text.count("\n", 0, match.start()) + 1, match["language"].strip(), match["body"])


def commands(document: Path) -> Iterator[Command]:
    """The command lines of the document's shell blocks, in order; a line that ends in a backslash goes on."""
    for fence in fences(document):
        if fence.language == "bash":
            for line in fence.body.replace("\\\n", " ").splitlines():
                if text := _COMMENT.sub("", line).strip():
                    yield Command(fence, text)
