"""Endpoints, the same way everywhere; an address that is not public is refused everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    EndpointAddressRefused,
    EndpointExists,
    IllegalMove,
    NotFound,
    NotPermitted,
    ValueInvalid,
)
from modelwarden.values.pages import Listing

if TYPE_CHECKING:
    from tests.conformance.places import Company

URL = "https://hooks.example.invalid/services/secret-part"


def test_an_endpoint_is_added_changed_replayed_and_stopped(company: Company) -> None:
    notify = company.as_user("root").notify
    made = notify.add("ops", URL, types=["access"], severity="HIGH", subjects=["model:churn"])
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert (made.name, made.address, made.state, made.owner) == (
        "ops",
        "https://hooks.example.invalid/…",
        "active",
        "root",
    )
    assert notify.show(made.id).secret is None
    assert [each.name for each in notify.list().items] == ["ops"]
    changed = notify.update("ops", types=[], severity="CRITICAL")
    assert (changed.types, changed.severity, changed.subjects) == ((), "CRITICAL", ("model:churn",))
    fresh = notify.rotate_secret("ops", overlap_minutes=5)
    assert fresh.secret not in {None, made.secret}
    assert fresh.previous_until is not None
    assert notify.replay("ops", first=0).next_seq == 0
    assert notify.disable("ops").cause == "by_person"
    assert notify.enable("ops").state == "active"
    assert notify.deliveries("ops") == Listing(())
    assert notify.deliveries("ops", abandoned=True, limit=5) == Listing(())
    assert notify.disable("ops").state == "disabled"


def test_what_is_refused_is_refused_alike(company: Company) -> None:
    notify = company.as_user("root").notify
    notify.add("twice", URL)
    with pytest.raises(EndpointExists):
        notify.add("twice", URL)
    with pytest.raises(EndpointAddressRefused):
        notify.add("inside", "https://10.0.0.1/")
    with pytest.raises(ValueInvalid):
        notify.add("words", URL, types=["no.such"])
    with pytest.raises(NotFound):
        notify.show("absent")
    with pytest.raises(IllegalMove):
        notify.enable("twice")
    with pytest.raises(ValueInvalid):
        notify.replay("twice", first=10**9)
    with pytest.raises(NotPermitted):
        company.as_user("frank").notify.list()
    notify.disable("twice")


def test_a_test_message_that_arrives_nowhere_says_so(company: Company) -> None:
    notify = company.as_user("root").notify
    notify.add("nowhere", URL)
    found = notify.test("nowhere")
    assert (found.endpoint, found.ok, found.status) == ("nowhere", False, 0)
    assert found.problem in {"name_unknown", "unreachable"}
    notify.disable("nowhere")
