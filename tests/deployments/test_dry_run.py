"""Past releases held against a draft (POL-7, RL-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.deployments import actions as deployments
from modelwarden.errors import (
    CursorInvalid,
    ModelNotFound,
    NotPermitted,
    PolicyInvalid,
    ValueInvalid,
)
from modelwarden.policies import actions as policies
from modelwarden.values.pages import Page
from tests.approvals.test_checks import SCAN, publish, scanned

if TYPE_CHECKING:
    from modelwarden.deployments.dry_run import DryRun, Replay
    from tests.approvals.org import Org

HEAD = "schema: modelwarden.policy/v1\nname: {name}\napprovals: {{humans: {humans}, signature: {signature}}}\n"


def draft(
    checks: str = "",
    *,
    name: str = "trial",
    humans: int = 1,
    signature: str = "any",
    rest: str = "",
) -> str:
    return (
        HEAD.format(name=name, humans=humans, signature=signature) + f"checks: [{checks}]\n{rest}"
    )


def tried(org: Org, text: str, *, by: str = "root", **more: object) -> DryRun:
    page = more.pop("page", None)
    chosen = deployments.Selection(**more)  # type: ignore[arg-type]
    found: DryRun = org.see(by, deployments.dry_run, text, selection=chosen, page=page)
    return found


def only(org: Org, text: str) -> Replay:
    (found,) = tried(org, text).replays
    return found


@pytest.fixture
def released(org: Org) -> Org:
    org.approved()
    org.deploy()
    org.clock.advance(days=1)
    return org


def test_a_release_without_the_evidence_would_have_been_stopped(released: Org) -> None:
    found = only(released, draft(SCAN))
    assert found.turn == "newly_blocked"
    assert found.drafted == ("checks_unknown: trial/scan is unknown",)
    assert found.now == ()


def test_evidence_that_came_later_does_not_count(released: Org) -> None:
    scanned(released)
    assert only(released, draft(SCAN)).turn == "newly_blocked"


def test_evidence_counts_as_it_stood_then(org: Org) -> None:
    scanned(org)
    org.clock.advance(minutes=1)
    org.approved()
    org.deploy()
    org.clock.advance(days=20)
    scanned(org, critical=3)
    assert only(org, draft(SCAN)).turn == "still_clear"
    assert only(org, draft(SCAN.replace("P7D", "PT1S"))).drafted == (
        "checks_unknown: trial/scan is stale",
    )


def test_people_who_were_missing_are_named(released: Org) -> None:
    assert only(released, draft(humans=3)).drafted == (
        "not_approved: 2 people agreed, 3 are needed",
    )
    assert only(released, draft(signature="personal")).turn == "still_clear"
    quick = draft().replace("humans: 1", "humans: 1, expires_after: PT1S")
    released.clock.advance(seconds=1)
    assert only(released, quick).turn == "still_clear"


def test_a_new_version_takes_the_place_of_the_one_before(org: Org) -> None:
    publish(org, SCAN)
    scanned(org)
    org.approved()
    org.deploy()
    org.clock.advance(minutes=1)
    publish(
        org,
        SCAN.replace("P7D", "P7D, on_unknown: block")
        + ", {id: bytes, type: dataset, params: {roles: [test]}}",
    )
    assert only(org, draft(SCAN, name="mine", humans=2)).turn == "newly_clear"
    assert only(org, draft(SCAN, name="other", humans=2)).turn == "still_blocked"


def test_a_draft_is_tried_on_what_it_would_govern(released: Org) -> None:
    elsewhere = draft(SCAN, rest="applies_to: {field: model.name, eq: fraud}")
    assert only(released, elsewhere).turn == "still_clear"
    here = draft(SCAN, rest="applies_to: {field: risk.eu_class, eq: high_annex_iii}")
    assert only(released, here).turn == "newly_blocked"


def test_only_the_asked_time_place_and_model_are_looked_at(released: Org) -> None:
    text = draft(SCAN)
    assert tried(released, text, environment=policies.Environment.STAGING).replays == ()
    assert len(tried(released, text, days=2, model="churn").replays) == 1
    released.clock.advance(days=2)
    assert tried(released, text, days=2).replays == ()
    with pytest.raises(ModelNotFound):
        tried(released, text, model="nothing")
    for days in (0, 367):
        with pytest.raises(ValueInvalid):
            tried(released, text, days=days)


def test_a_dry_run_writes_nothing_and_takes_the_right_to_draft(released: Org) -> None:
    before = released.see("root", lambda view: view.head())
    tried(released, draft(SCAN))
    assert released.see("root", lambda view: view.head()) == before
    with pytest.raises(NotPermitted):
        tried(released, draft(SCAN), by="alice")
    with pytest.raises(PolicyInvalid):
        tried(released, "name: broken")


def test_a_seat_that_nobody_filled_is_named(org: Org) -> None:
    publish(org, "")
    org.approved()
    org.deploy()
    org.clock.advance(days=1)
    held = "approvals: {{humans: 2, signature: any, seats: [{seats}]}}\n"

    def seats(text: str) -> str:
        return f"schema: modelwarden.policy/v1\nname: mine\n{held.format(seats=text)}"

    filled = "{person: carol}, {any: 1, of: [{role: approver}, {person: alice}]}"
    assert only(org, seats(filled)).turn == "still_clear"
    erin = only(org, seats("{person: erin}, {role: approver}"))
    assert erin.turn == "newly_blocked"
    assert erin.drafted[0].startswith("not_approved: nobody who agreed fills the seat of person:")
    risk = only(org, seats("{role: risk_officer}"))
    assert risk.drafted == ("not_approved: nobody who agreed fills the seat of role:risk_officer",)


def test_staging_counts_as_it_was_served_then(org: Org) -> None:
    waits = draft(rest="rollout: {needs: {staging: PT1H}}")
    org.approved()
    org.deploy(environment=policies.Environment.STAGING)
    org.clock.advance(minutes=30)
    org.deploy()
    org.clock.advance(days=1)
    assert only(org, waits).drafted == (
        "staging_missing: it had not been live in staging for its time",
    )
    org.register("1.1.0")
    org.approved("1.1.0")
    org.deploy("1.1.0", environment=policies.Environment.STAGING)
    org.clock.advance(hours=1)
    org.deploy("1.1.0")
    assert [each.turn for each in tried(org, waits).replays] == ["still_clear", "newly_blocked"]


def test_what_another_system_never_said_stops(released: Org) -> None:
    text = draft().replace("humans: 1", "humans: 1, external: {github: required}")
    assert only(released, text).drafted == ("external_missing: nobody asked github then",)


def test_pages_go_through_every_release_once(org: Org) -> None:
    org.approved()
    org.deploy()
    for label in ("1.1.0", "1.2.0", "1.3.0"):
        org.register(label)
        org.approved(label)
        org.deploy(label)
    seen, cursor = [], None
    while True:
        part = tried(org, draft(SCAN), page=Page(limit=2, cursor=cursor))
        assert len(part.replays) <= 2
        seen += [each.deployment.label for each in part.replays]
        cursor = part.next_cursor
        if cursor is None:
            break
    assert seen == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    with pytest.raises(CursorInvalid):
        tried(org, draft(SCAN), page=Page(cursor="ü"))


def test_the_rows_of_a_model_that_nobody_may_read_are_left_out(released: Org) -> None:
    root = released.warden.acting_as("root")
    assert root.policies.dry_run(draft(SCAN)).counts["newly_blocked"] == 1
    with pytest.raises(NotPermitted):
        released.warden.acting_as("erin").policies.dry_run(draft(SCAN))
