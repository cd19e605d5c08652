"""Facts that may be unread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from druid_reindex.posture.facts import Unread, UnreadFactError, known
from posture_facts import DOCUMENT, PHI, SECURITY, good_facts


def test_an_unread_fact_has_no_value() -> None:
    assert known("value") == "value"
    assert known(None) is None
    with pytest.raises(UnreadFactError, match="AccessDenied"):
        known(Unread("AccessDenied"))


def test_the_configuration_is_emrs_own_else_the_intended_one() -> None:
    facts = good_facts()
    assert replace(facts, stored_configuration={"stored": {}}).configuration == {"stored": {}}
    assert replace(facts, stored_configuration=None).configuration == DOCUMENT
    nameless = replace(facts.intent, security=None)
    assert replace(facts, stored_configuration=None, intent=nameless).configuration == {}
    with pytest.raises(UnreadFactError):
        _ = replace(facts, stored_configuration=Unread("denied")).configuration


def test_the_groups_of_a_request() -> None:
    intent, network = good_facts().intent, PHI.network
    managed = (network.primary_security_group, network.core_security_group, network.service_access_security_group)
    assert intent.group_ids == managed
    instances = {**intent.request["Instances"], "AdditionalMasterSecurityGroups": ["sg-9"]}
    more = replace(intent, request={**intent.request, "Instances": instances})
    assert more.group_ids == (*managed, "sg-9")
    assert intent.release_label == "emr-7.2.0"
    assert intent.security == SECURITY
