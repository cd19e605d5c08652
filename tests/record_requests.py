"""The record of what each role asks of AWS, by which policies are tested: `python tests/record_requests.py FILE...`.

Each FILE is the `decisions.jsonl` of a sandbox (`.sandbox/data/aws` after `make nightly`); what the clients ask beside
such nights is asked anew. Requests that differ in nothing that a policy can tell apart are kept once; a request that
is in the record already keeps its line.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from druid_reindex.sandbox.aws.iam.decisions import Outcome
from druid_reindex.sandbox.aws.iam.replay import Recorded, read
from druid_reindex.sandbox.home import SandboxHome

RECORD = Path(__file__).parent / "contract" / "recorded" / "requests.jsonl"
# Of the account's principals those that stand for a role of the product; `druid` has the policy of Druid's servers.
PRINCIPALS = re.compile(r"arn:aws:iam::\d+:(role/Drx\w+|user/airflow|user/druid)")
# What the sandbox alone asks for: patients' files, put there to be ingested.
OWN = re.compile(r"arn:aws:s3:::[a-z0-9-]+/landing/.*")
# Different in each request, and in no policy of the product.
PASSING = {
    "aws:currenttime", "aws:epochtime", "aws:tokenissuetime", "aws:useragent", "aws:userid", "s3:signatureage",
    "s3:if-match", "s3:versionid", "s3:x-amz-content-sha256", "kms:encryptioncontext:secretversionid",
    "sts:durationseconds", "sts:rolesessionname", "secretsmanager:secretid", "secretsmanager:resource",
    "redshift-data:statement-owner-iam-userid", "aws:sourceidentity", "sts:sourceidentity",
    *(f"aws:{of}tag/druid-reindex:{name}" for of in ("principal", "request") for name in ("run", "dag", "datasource")),
}  # fmt: skip
SHAPES = (
    (re.compile(r"(arn:aws:s3:::[^/]+/[^/]+/)([^/]+/)?.+"), r"\1\2*"),
    (re.compile(r"^((?:/?drx-[a-z0-9-]+/)?[a-z]+/[^/]+/).+"), r"\1*"),
    (re.compile(r"\bj-[A-Z0-9]+"), "j-*"),
    (re.compile(r":instance/i-[0-9a-f]+"), ":instance/i-*"),
    (re.compile(r"(:secret:.+)-\w{6}$"), r"\1-*"),
)
Kind = tuple[object, ...]


def shape(text: str) -> str:
    """A resource without what differs from run to run: the first two folders of an object's key, no cluster's id."""
    for pattern, replacement in SHAPES:
        text = pattern.sub(replacement, text)
    return text


def kind(recorded: Recorded) -> Kind:
    """What policies can tell of a request; of equal requests one is kept."""
    request = recorded.request
    context = sorted((name, *map(shape, values)) for name, values in request.context.items() if name not in PASSING)
    who = request.principal.service or request.principal.identity
    place = (who, request.action, shape(request.resource), recorded.operation)
    return (*place, recorded.owner, str(context))


def condensed(decisions: Iterable[Recorded]) -> dict[Kind, Recorded]:
    """One request of each kind that was allowed by policies, by its kind."""
    found: dict[Kind, Recorded] = {}
    for each in decisions:
        request = each.request
        product = request.principal.service or PRINCIPALS.fullmatch(request.principal.identity)
        wanted = product and not OWN.fullmatch(request.resource)
        if wanted and each.outcome is Outcome.ALLOWED and not each.grants:
            context = {name: values for name, values in request.context.items() if name not in PASSING}
            found.setdefault(kind(each), replace(each, at="", request=replace(request, context=context)))
    return found


def asked(*, with_nodes: bool) -> dict[Kind, Recorded]:
    """What the clients ask beside a night, asked in this process. Raises AssertionError when any of it is refused."""
    import role_requests

    with tempfile.TemporaryDirectory() as name:
        home = SandboxHome(Path(name) / "home", SandboxHome.from_environment().cache)
        decisions = read(role_requests.ask(home, with_nodes=with_nodes)).decisions
    refused = sorted({each.said for each in decisions if each.outcome is not Outcome.ALLOWED})
    assert not refused, refused
    return condensed(decisions)


def recorded(path: Path = RECORD) -> dict[Kind, Recorded]:
    """The record's requests, by their kinds."""
    return {kind(each): each for each in read(path).decisions}


def write(path: Path, found: Mapping[Kind, Recorded]) -> None:
    """The record's lines, in the order of their kinds."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{found[each].line()}\n" for each in sorted(found, key=str)), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--to", type=Path, default=RECORD)
    parser.add_argument("--without-nodes", dest="with_nodes", action="store_false")
    arguments = parser.parse_args()
    known = recorded() if RECORD.is_file() else {}
    found = asked(with_nodes=arguments.with_nodes)
    for file in arguments.files:
        found |= {name: each for name, each in condensed(read(file).decisions).items() if name not in found}
    write(arguments.to, {name: known.get(name, each) for name, each in found.items()})
    changes = f"{len(found.keys() - known.keys())} new, {len(known.keys() - found.keys())} gone"
    sys.stdout.write(f"{len(found)} kinds of requests: {changes}\n")


if __name__ == "__main__":
    main()
