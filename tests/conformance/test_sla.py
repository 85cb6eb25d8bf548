"""What is measured, through each of the three ways: the same definitions, figures and refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from modelwarden.errors import NotPermitted, SliUnknown, SlotInvalid, ValueInvalid
from modelwarden.guard.recorder import Recorder

if TYPE_CHECKING:
    from tests.conformance.places import Company


@pytest.fixture(scope="module")
def model(company: Company) -> str:
    name = f"m-{uuid4().hex[:8]}"
    purpose = "predicts which customers leave next month"
    company.as_user("alice").models.register(name, owner="alice", business_purpose=purpose)
    return name


def test_defining_showing_and_listing(company: Company, model: str) -> None:
    sla = company.as_user("dave").sla
    made = sla.define_sli(
        f"{model}-latency", resource=model, labels={"team": "risk"}, thresholds=("0.25", "0.5")
    )
    assert (made.resource, made.thresholds, made.revision) == (model, ("0.25", "0.5"), 1)
    assert (
        sla.define_sli(
            made.name, resource=model, labels={"team": "risk"}, thresholds=made.thresholds
        )
        == made
    )
    assert sla.sli(made.name) == made
    assert made in sla.slis(limit=500).items
    again = sla.define_sli(made.name, resource=model)
    assert (again.revision, again.thresholds) == (2, ())
    guards = sla.sli(f"guard:{model}")
    assert (guards.built_in, guards.resource, guards.thresholds) == (True, model, ())


def test_refusals_are_the_same(company: Company, model: str) -> None:
    dave = company.as_user("dave").sla
    with pytest.raises(SliUnknown):
        dave.sli("nothing")
    with pytest.raises(SliUnknown):
        dave.slots("guard:nothing")
    with pytest.raises(ValueInvalid):
        dave.define_sli("guard:x", resource=model)
    with pytest.raises(ValueInvalid):
        dave.define_sli("x", resource=model, thresholds=("0.5", "0.25"))
    with pytest.raises(ValueInvalid):
        dave.slots(f"guard:{model}", step="7m")
    with pytest.raises(NotPermitted):
        company.as_user("alice").sla.define_sli("x", resource=model)
    with pytest.raises(SlotInvalid):
        dave.record(b"{}")


def test_what_was_recorded_is_read(company: Company, model: str) -> None:
    root = company.as_user("root")
    if not any(role.name == "reporter" for role in root.roles.list()):
        root.roles.define("reporter", permissions=["sla.record"])
    root.roles.grant("dave", "reporter", reason="measures what it runs itself, for this test")
    company.as_user("dave").sla.define_sli(f"{model}-seen", resource=model)
    with Recorder(
        company.as_user("dave").sla.record, sli=f"{model}-seen", flush_s=3600
    ) as recorder:
        for _ in range(3):
            recorder.record(0.1)
        assert recorder.flush()
    until = datetime.now(UTC) + timedelta(minutes=1)
    found = company.as_user("dave").sla.slots(f"{model}-seen", until=until, step="1m")
    assert (found.whole.total, found.step_s, len(found.points)) == (3, 60, 60)
    assert sum(point.total is None for point in found.points) >= 58
