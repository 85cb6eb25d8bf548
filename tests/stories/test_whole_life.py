"""The whole life of a model, its versions, its use case and its deployments, told by one story through three doors.

Draft, refused self-approval, two signed approvals, staging, canary, live, errors, back by itself in one evaluation,
review, retired (release.md, "Done when"). A real server, real guards, real signatures; the clock alone is the test's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.ledger.dsse import parse_envelope, verify
from tests.guard.hosts import soon
from tests.store.deeds import verified
from tests.stories.doors import DOORS, refused
from tests.stories.office import Model, office, routed, spread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.guard.guard import Guard
    from tests.stories.doors import Door
    from tests.stories.office import Office

FOUND: Final = "a column was renamed in the source; the contract test did not cover it"
TOLD: Final = {
    "version.registered": 1, "approval.requested": 1, "approval.decided": 2, "deployment.started": 2,
    "deployment.live": 4, "step.advanced": 0, "rollout.rolled_back": 0, "version.retired": 1,
}  # fmt: skip
"""What the ledger tells of 1.0.0, and how often: live in staging and production, and replaced in both."""


def unversioned(customer: str) -> float:
    """Answer as no version does: a route never comes here."""
    return float(len(customer))


@pytest.mark.parametrize("way", DOORS)
def test_from_a_draft_to_its_end(way: str, tmp_path: Path) -> None:
    with office(tmp_path) as here:
        door: Door = DOORS[way](here)
        assert door.register_model("alice").risk_tier == 2
        here.govern()
        door.use("alice", "create")
        first_release(here, door)
        models = {label: Model(answer) for label, answer in (("1.0.0", 0.1), ("1.1.0", 0.2))}
        models["1.2.0"] = Model(0.3)
        guard = here.guarding(**{f"v{name.replace('.', '_')}": m for name, m in models.items()})
        predict = guard.protect(unversioned, key="customer", breaker=None)  # which would act first
        soon(lambda: routed(guard, "1.1.0") == 0)
        assert spread(predict, 50) == {"1.0.0": 50}
        goes_live_by_canary(here, door, guard, predict)
        models["1.2.0"].is_broken = True
        back = goes_back_by_itself(here, door, guard, predict)
        looked_back_at(door, back)
        ends(door)
        whole_ledger(here, door)


def first_release(here: Office, door: Door) -> None:
    """A draft is refused until two people have signed, of whom its owner is none."""
    made = door.register("alice", "1.0.0", here.artifact("1.0.0"))
    assert (made.approval_status, made.status, made.stage) == ("draft", "registered", "development")
    closed = refused(door.start, "dave", "1.0.0", "staging")
    assert (closed.code, closed.reasons) == ("gate_refused", ("not_approved",))
    asked = door.ask("alice", "1.0.0")
    assert (asked.state, asked.humans) == ("open", 2)
    assert door.version("alice", "1.0.0").approval_status == "pending"
    own = refused(door.approve, "alice", asked.id)
    assert own.code == "self_approval"
    assert {"owner", "registrant", "requester"} <= set(own.reasons)
    assert door.approve("bob", asked.id).state == "open"
    assert refused(door.approve, "bob", asked.id).code == "already_decided"
    half = refused(door.start, "dave", "1.0.0", "production").reasons
    assert set(half) == {"not_approved", "use_case_missing"}
    assert door.approve("carol", asked.id).state == "approved"
    signed = {each.keyid: each for each in map(parse_envelope, envelopes(here, asked.id))}
    assert len(signed) == 2
    for name in ("bob", "carol"):
        verify(signed[here.keys[name].keyid], here.keys[name].public)
    walked(door, "1.0.0")
    use_case_agreed(door)
    assert door.start("dave", "1.0.0", "production").state == "live"
    used = door.use("dave", "deploy")
    assert (used.status, set(used.live_in)) == ("deployed", {"staging", "production"})


def envelopes(here: Office, request: str) -> list[bytes]:
    found = here.warden.acting_as("frank").approvals.envelopes(request)
    return found.splitlines(keepends=True)


def walked(door: Door, label: str) -> None:
    """Take a version to staging; production is another matter."""
    assert door.start("dave", label, "staging").state == "live"
    found = door.version("dave", label)
    assert (found.status, found.stage, list(found.live_in)) == (
        "deployed_staging",
        "staging",
        ["staging"],
    )


def use_case_agreed(door: Door) -> None:
    """No version goes to production before what it is for is agreed to, by others than whoever wants it."""
    missing = refused(door.start, "dave", "1.0.0", "production")
    assert missing.reasons == ("use_case_missing",)
    assert refused(door.use, "dave", "deploy").code == "gate_refused"
    assert door.use("alice", "submit").status == "submitted"
    assert refused(door.use, "alice", "approve").code == "self_approval"
    for name in ("bob", "carol"):
        door.use(name, "approve")
    assert door.use("alice", "show").status == "approved"
    used = door.use("dave", "deploy")
    assert (used.status, list(used.live_in)) == ("deployed", ["staging"])
    assert refused(door.use, "dave", "deploy").reasons == ("model_not_live",)


def approved(here: Office, door: Door, label: str) -> None:
    door.register("alice", label, here.artifact(label))
    asked = door.ask("alice", label)
    for name in ("bob", "carol"):
        door.approve(name, asked.id)


def goes_live_by_canary(
    here: Office, door: Door, guard: Guard, predict: Callable[..., Any]
) -> None:
    """Time alone takes 1.1.0 from 5 to 50 to all of the calls; what was live before is followed."""
    approved(here, door, "1.1.0")
    walked(door, "1.1.0")
    begun = door.start("dave", "1.1.0", "production")
    assert (begun.state, begun.strategy, begun.traffic) == ("in_progress", "canary", 5)
    assert refused(door.start, "dave", "1.0.0", "production").code == "deployment_in_progress"
    here.look()
    assert door.shown("dave", begun.id).traffic == 5
    for traffic in (5, 50):
        stands = door.shown("dave", begun.id)
        assert (stands.traffic, list(stands.held)) == (traffic, [])
        soon(lambda traffic=traffic: routed(guard, "1.1.0") == traffic)
        shares = spread(predict, 200)
        assert set(shares) == {"1.0.0", "1.1.0"}
        here.bake()
    ended = door.shown("dave", begun.id)
    assert (ended.state, ended.traffic) == ("live", 100)
    soon(lambda: spread(predict, 1) == {"1.1.0": 1})
    assert door.version("dave", "1.1.0").status == "deployed_production"
    assert door.version("dave", "1.0.0").status == "approved"
    (replaced,) = [one for one in live_ones(here, "1.0.0") if one.environment == "production"]
    assert replaced.state == "superseded"


def live_ones(here: Office, label: str) -> list[Any]:
    found = here.warden.acting_as("dave").deployments.list(model="churn").items
    return [one for one in found if one.version == label]


def goes_back_by_itself(here: Office, door: Door, guard: Guard, predict: Callable[..., Any]) -> str:
    """1.2.0 fails: before its time has passed nothing happens, and the first evaluation after it takes it back."""
    approved(here, door, "1.2.0")
    walked(door, "1.2.0")
    begun = door.start("dave", "1.2.0", "production")
    here.look()
    soon(lambda: routed(guard, "1.2.0") == 5)
    soon(lambda: spread(predict, 200) and here.heard("1.2.0") >= 250)
    here.look()
    assert door.shown("dave", begun.id).state == "in_progress"
    here.bake()
    ended = door.shown("dave", begun.id)
    assert (ended.state, ended.traffic) == ("rolled_back", 0)
    soon(lambda: routed(guard, "1.2.0") == 0)
    assert spread(predict, 200) == {"1.1.0": 200}
    assert door.version("dave", "1.2.0").status == "deployed_staging"
    (told,) = door.facts("frank", "rollout.rolled_back")
    assert told["actor"]["id"] == "system:rollback"
    assert (told["fact"]["metric"], told["fact"]["restored"]) == ("error_rate", "churn@1.1.0")
    assert refused(door.start, "dave", "1.2.0", "production").reasons == ("rolled_back_since",)
    return str(begun.id)


def looked_back_at(door: Door, back: str) -> None:
    """Somebody without a part in it says what they found; nobody else can."""
    assert door.shown("erin", back).review_due_at is not None
    for name in ("dave", "bob", "alice"):
        assert refused(door.review, name, back, FOUND).code in {"self_review", "not_permitted"}
    seen = door.review("erin", back, FOUND)
    assert (seen.outcome, seen.findings, seen.reviewed_by) == ("issues", FOUND, "erin")
    assert refused(door.review, "erin", back, FOUND).code == "review_not_due"


def ends(door: Door) -> None:
    """A live version can't be retired; one that is live nowhere can, and its use case ends as well."""
    assert refused(door.retire, "alice", "1.1.0").code == "not_permitted"
    assert refused(door.retire, "dave", "1.1.0").code == "version_live"
    gone = door.retire("dave", "1.0.0")
    assert (gone.status, gone.stage) == ("archived", "archived")
    ended = door.use("dave", "deprecate")
    assert ended.status == "deprecated"
    assert refused(door.use, "alice", "submit").code == "use_case_deprecated"


def whole_ledger(here: Office, door: Door) -> None:
    """All of it stands in the ledger, and so does each refusal with its rule; and the ledger holds."""
    about = "version:churn@1.0.0"
    told = {k: sum(about in each["about"] for each in door.facts("frank", k)) for k in TOLD}
    assert told == TOLD
    rules = {each["fact"]["rule"] for each in door.facts("frank", "access.denied")}
    assert {"self_approval", "gate_refused", "self_review", "not_permitted"} <= rules
    (reviewed,) = door.facts("frank", "review.recorded")
    assert reviewed["outcome"] == "done"
    found = door.verify("frank")
    assert (found.ok, list(found.problems)) == (True, [])
    assert verified(here.warden, state=True).problems == ()
