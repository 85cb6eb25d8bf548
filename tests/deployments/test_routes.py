"""Routes as guards get them: in the signed snapshot, whose generation moves with the entry that moved the route."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.guard.router import parse_route
from modelwarden.safeguards.snapshots.body import Topic
from tests.deployments.fleet import stepped
from tests.deployments.test_steps import abort
from tests.safeguards.test_snapshots import built, says

if TYPE_CHECKING:
    from tests.approvals.org import Org

CHURN, STAGED = Topic("production", "churn"), Topic("staging", "churn")


def moved(org: Org) -> int:
    """Return the number of the entry that moved a route last."""
    return int(org.warden.audit.search(type="route.moved", limit=1).items[0].seq)


def test_before_the_first_deployment_there_is_no_route(org: Org) -> None:
    (found,) = built(org.warden, CHURN)
    assert says(found)["route"] is None


def test_the_generation_is_the_entry_that_moved_the_route(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    production, staged = built(org.warden, CHURN, STAGED)
    assert production.at.generation == moved(org)
    route = parse_route(says(production)["route"])
    assert (route.stable, route.shares, route.deployment) == ("1.0.0", (("1.1.0", 500),), begun.id)
    assert says(staged)["route"] is None
    abort(org, begun)
    (after,) = built(org.warden, CHURN)
    assert after.at.generation == moved(org) > production.at.generation
    assert parse_route(says(after)["route"]).whole == "1.0.0"


def test_a_refused_step_moves_no_generation(org: Org) -> None:
    stepped(org, strategy="canary")
    before = built(org.warden, CHURN)[0]
    org.warden.acting_as("dave").freezes.add(
        ends_at=org.clock.now().replace(year=2027), reason="the quarter closes"
    )
    assert built(org.warden, CHURN)[0] == before
