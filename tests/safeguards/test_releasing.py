"""Letting go on: who asks, who confirms, who is barred, and that nothing moves twice (SG-10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    NotFound,
    NotPermitted,
    OwnerRelease,
    ReasonRequired,
    ReleaseNotRequested,
    SelfRelease,
    SwitchNotActive,
)
from tests.safeguards.desk import WHY
from tests.store.deeds import verified

if TYPE_CHECKING:
    from tests.safeguards.desk import Desk


def test_two_people_let_a_model_go_on_and_it_is_enforced_until_then(desk: Desk) -> None:
    made = desk.stop()
    asked = desk.switches("erin").request_release(
        made.id, notes="the feed is right again", verification="PSI 0.02 for an hour"
    )
    assert (asked.state, asked.release_requested_by) == ("release_requested", "erin")
    assert (asked.notes, asked.verification) == ("the feed is right again", "PSI 0.02 for an hour")
    assert [each.id for each in desk.live("churn")] == [made.id]
    assert desk.facts("switch.release_requested")[0]["humans"] == 2
    done = desk.confirm(made.id, "gina")
    assert (done.state, done.ended_by, done.ended_notes) == (
        "released",
        "gina",
        "seen on the dashboard",
    )
    assert desk.live("churn") == ()
    assert desk.last()["type"] == "switch.released"
    assert desk.switches("erin").active().items == ()
    assert [each.id for each in desk.switches("erin").history().items] == [made.id]
    assert verified(desk.warden, state=True).problems == ()


def test_who_activated_a_sev2_switch_may_confirm_but_not_who_asked(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    with pytest.raises(SelfRelease) as refused:
        desk.confirm(made.id, "erin")
    assert refused.value.reasons == ("requester",)
    assert desk.denials()[-1]["rule"] == "self_release"
    assert {f"switch:{made.id}", "model:churn"} <= set(desk.last()["about"])
    assert desk.confirm(made.id, "dave").state == "released"


def test_at_sev1_not_even_the_activator_confirms(desk: Desk) -> None:
    made = desk.stop("dave", severity="SEV1")
    assert desk.last()["severity"] == "CRITICAL"
    desk.asked(made.id, "erin")
    with pytest.raises(SelfRelease) as refused:
        desk.confirm(made.id, "dave")
    assert refused.value.reasons == ("activator",)
    assert desk.confirm(made.id, "gina").state == "released"


def test_one_person_releases_a_light_switch(desk: Desk) -> None:
    made = desk.stop("dave", severity="SEV3")
    desk.asked(made.id, "dave")
    assert desk.facts("switch.release_requested")[0]["humans"] == 1
    assert desk.confirm(made.id, "dave").state == "released"


def test_a_whole_environment_takes_two_whatever_its_severity(desk: Desk) -> None:
    made = desk.switches("dave").activate(reason=WHY, everything=True, severity="SEV4")
    desk.asked(made.id, "dave")
    with pytest.raises(SelfRelease):
        desk.confirm(made.id, "dave")
    assert desk.confirm(made.id, "erin").state == "released"


@pytest.mark.parametrize(
    "scope",
    [
        {"model": "churn"},
        {"model": ["fraud", "churn"]},
        {"model": {"prefix": "chu"}},
        {"model": {"not_in": ["fraud"]}},
        {"model_type": "classifier"},
        {"region": "eu"},
    ],
)
def test_the_owner_of_a_model_that_it_touches_does_not_confirm(
    desk: Desk, scope: dict[str, object]
) -> None:
    desk.acting("root").roles.grant("olivia", "operator")
    made = desk.stop("dave", **scope)
    desk.asked(made.id, "erin")
    with pytest.raises(OwnerRelease):
        desk.confirm(made.id, "olivia")
    assert desk.confirm(made.id, "gina").state == "released"


def test_the_owner_of_another_model_confirms(desk: Desk) -> None:
    desk.acting("root").roles.grant("ulla", "operator")
    for scope in ({"model": "churn"}, {"model_type": "classifier"}, {"model": {"prefix": "ch"}}):
        made = desk.stop("dave", **scope)
        desk.asked(made.id, "erin")
        assert desk.confirm(made.id, "ulla").state == "released"


def test_who_owned_the_model_when_it_was_stopped_does_not_confirm_either(desk: Desk) -> None:
    desk.acting("root").roles.grant("olivia", "operator")
    made = desk.stop("dave")
    broad = desk.stop("dave", model_type="classifier")
    desk.clock.advance(minutes=5)
    desk.acting("olivia").models.update("churn", owner="ulla")
    for switch in (made, broad):
        desk.asked(switch.id, "erin")
        with pytest.raises(OwnerRelease):
            desk.confirm(switch.id, "olivia")


def test_a_refusal_keeps_it_and_the_next_request_begins_again(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    kept = desk.switches("olivia").refuse_release(made.id, notes="it still drifts")
    assert (kept.state, kept.release_requested_by, kept.notes) == ("active", None, None)
    assert desk.facts("switch.release_refused")[-1]["cause"] == "refused"
    with pytest.raises(ReleaseNotRequested):
        desk.confirm(made.id, "gina")
    desk.asked(made.id, "gina")
    assert desk.confirm(made.id, "erin").state == "released"


def test_only_who_asked_withdraws(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    with pytest.raises(NotPermitted):
        desk.switches("gina").withdraw_release(made.id)
    assert desk.switches("erin").withdraw_release(made.id).state == "active"
    assert desk.facts("switch.release_refused")[-1]["cause"] == "withdrawn"
    with pytest.raises(ReleaseNotRequested):
        desk.switches("erin").withdraw_release(made.id)


@pytest.mark.parametrize("name", ["root", "olivia", "ivan"])
def test_it_takes_the_permission_to_ask_and_to_confirm(desk: Desk, name: str) -> None:
    made = desk.stop("dave")
    with pytest.raises(NotPermitted):
        desk.asked(made.id, name)
    desk.asked(made.id, "erin")
    with pytest.raises(NotPermitted):
        desk.confirm(made.id, name)


def test_who_can_neither_stop_nor_release_refuses_nothing(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    with pytest.raises(NotPermitted):
        desk.switches("ivan").refuse_release(made.id, notes="no")


def test_each_step_says_why(desk: Desk) -> None:
    made = desk.stop("dave")
    with pytest.raises(ReasonRequired):
        desk.switches("erin").request_release(made.id, notes=" ")
    with pytest.raises(ReasonRequired):
        desk.switches("erin").request_release(made.id, notes="so", verification="")
    desk.asked(made.id, "erin")
    for act in (desk.switches("gina").confirm_release, desk.switches("gina").refuse_release):
        with pytest.raises(ReasonRequired):
            act(made.id, notes="")


def test_what_has_ended_moves_no_more(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    desk.confirm(made.id, "gina")
    for act in (
        lambda: desk.asked(made.id),
        lambda: desk.confirm(made.id, "gina"),
        lambda: desk.switches("gina").refuse_release(made.id, notes="no"),
        lambda: desk.switches("erin").withdraw_release(made.id),
    ):
        with pytest.raises(SwitchNotActive):
            act()
    with pytest.raises(NotFound):
        desk.asked("swi_01JD0000000000000000000000")
    assert desk.stop("dave").id != made.id


def test_asking_twice_is_refused(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    with pytest.raises(SwitchNotActive):
        desk.asked(made.id, "gina")
    with pytest.raises(SelfRelease):
        desk.confirm(made.id, "erin")
