"""The twins of ``tests/twins.py`` have the shape of the ports."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

from druid_reindex import ports
from druid_reindex.evidence.public_key import PublicKey
from twins import (
    FakeClusterSurvey,
    FakeDruid,
    FakeEmr,
    FakeExpectations,
    FakeLockedStore,
    FakeLogFiles,
    FakeRedshift,
    FakeSecrets,
    FakeSigner,
    FakeStore,
    FakeTrail,
    FakeVersions,
)

PORTS = {
    ports.DruidPort: FakeDruid,
    ports.ExpectationsPort: FakeExpectations,
    ports.EmrPort: FakeEmr,
    ports.ClusterSurveyPort: FakeClusterSurvey,
    ports.RedshiftPort: FakeRedshift,
    ports.SecretsPort: FakeSecrets,
    ports.TrailPort: FakeTrail,
    ports.RecordStorePort: FakeStore,
    ports.ObjectStorePort: FakeStore,
    ports.ObjectVersionsPort: FakeVersions,
    ports.SigningPort: FakeSigner,
    ports.LockedStorePort: FakeLockedStore,
    ports.LogFilesPort: FakeLogFiles,
}
# What ports import for types alone: cryptography is not loaded where DAG files are parsed.
LATER = {"PublicKey": PublicKey}
METHODS = [
    (twin, port, name)
    for port, twin in PORTS.items()
    for name, member in vars(port).items()
    if inspect.isfunction(member) and not name.startswith("_")
]


def test_every_port_has_its_twin() -> None:
    found = {kind for _, kind in inspect.getmembers(ports, inspect.isclass) if kind.__module__ == ports.__name__}
    assert found == set(PORTS)


def test_every_port_asks_for_something() -> None:
    assert {port for _, port, _ in METHODS} == set(PORTS)


@pytest.mark.parametrize(("twin", "port", "name"), METHODS, ids=lambda each: getattr(each, "__name__", each))
def test_a_twin_answers_as_its_port_asks(twin: type, port: type, name: str) -> None:
    asked, answered = getattr(port, name), getattr(twin, name)
    told = [(p.name, p.kind, p.default) for p in inspect.signature(answered).parameters.values()]
    assert told == [(p.name, p.kind, p.default) for p in inspect.signature(asked).parameters.values()]
    assert get_type_hints(answered) == get_type_hints(asked, localns=LATER)
    assert inspect.getdoc(asked), f"{name} says what it guarantees"
