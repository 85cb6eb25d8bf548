"""A waiver from the question to its end, the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import (
    NotFound,
    NotPermitted,
    NotWaivable,
    RequestClosed,
    SelfApproval,
    WaiverTooLong,
)
from tests.conformance.test_registry import PURPOSE, permitted

if TYPE_CHECKING:
    from tests.conformance.places import Company

WHY: Final = "the scanner's two findings are in code that is never called"
POLICY: Final = """
schema: modelwarden.policy/v1
name: lenient
extends: builtin/moderate
waivers: {max: P30D, seats: [{role: approver}]}
checks:
  - {id: scan, type: findings, params: {source: security, max: {high: 0}}}
  - {id: chain, type: chain_verified}
"""


@pytest.fixture(scope="module", autouse=True)
def _governed(company: Company) -> None:
    alice, root = company.as_user("alice"), company.as_user("root")
    alice.models.register("spam", owner="alice", business_purpose=PURPOSE)
    alice.versions.register("spam", "1", artifact=company.artifact("spam-1"))
    drafted = root.policies.lint(POLICY)
    permitted(company, "policy.publish", {"policy": "lenient", "hash": drafted.hash})
    root.policies.publish(POLICY)
    permitted(company, "policy.assign", {"policy": "lenient", "model": "spam"})
    root.policies.assign("lenient", model="spam")


def test_a_waiver_from_the_question_to_its_end(company: Company) -> None:
    alice, bob, carol = (company.as_user(name) for name in ("alice", "bob", "carol"))
    end = datetime.now(UTC) + timedelta(days=10)
    asked = carol.waivers.request(
        "spam", "1", check="scan", reason=WHY, owner="dave", expires_at=end
    )
    assert (asked.type, asked.state, asked.justification) == ("waiver", "open", WHY)
    assert asked.expires_at == end
    assert asked.payload is not None
    assert (asked.payload["check"], asked.payload["type"]) == ("lenient@1/scan", "findings")
    with pytest.raises(SelfApproval):
        carol.approvals.approve(asked.id, key=company.keys["carol"])
    given = bob.approvals.approve(asked.id, key=company.keys["bob"])
    assert (given.state, given.seats[0].filled_by) == ("approved", "bob")
    run = alice.checks.run("spam", "1")
    (scan,) = [each for each in run.checks if each.check == "scan"]
    assert (scan.outcome, scan.underlying, scan.waiver) == ("waived", "unknown", asked.id)
    assert run.reproduced
    assert alice.checks.show(run.id) == run
    listed = company.as_user("frank").waivers.list("spam", "1", state="approved")
    assert [one.id for one in listed.items] == [asked.id]
    assert bob.waivers.show(asked.id).decisions[0].custody == "personal"
    ended = company.as_user("dave").waivers.end(asked.id)
    assert (ended.state, ended.cause) == ("void", "ended")
    with pytest.raises(RequestClosed):
        alice.waivers.end(asked.id)
    (scan,) = [each for each in alice.checks.run("spam", "1").checks if each.check == "scan"]
    assert (scan.outcome, scan.underlying, scan.waiver) == ("unknown", None, None)


def test_what_is_refused(company: Company) -> None:
    alice = company.as_user("alice").waivers
    with pytest.raises(NotWaivable):
        alice.request("spam", "1", check="chain", reason=WHY)
    late = datetime.now(UTC) + timedelta(days=31)
    with pytest.raises(WaiverTooLong):
        alice.request("spam", "1", check="scan", reason=WHY, expires_at=late)
    with pytest.raises(NotPermitted):
        company.as_user("frank").waivers.request("spam", "1", check="scan", reason=WHY)
    with pytest.raises(NotFound):
        alice.show("req_none")
    with pytest.raises(NotFound):
        alice.end("req_none")
