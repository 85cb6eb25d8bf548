"""Attempts to make an emergency a way around the rules: other accounts, switches, bytes, time, races (RL-44)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import (
    Conflict,
    DeploymentInProgress,
    GateRefused,
    LentCredential,
    NothingToRollBackTo,
    NotPermitted,
    PayloadChanged,
    PermitNeeded,
    RequestClosed,
    WardenError,
)
from modelwarden.reactions.emergencies import KeepEmergencies
from modelwarden.warden.warden import open_warden
from tests.attack.case import Case
from tests.attack.test_rollouts import edit, raced, route, told
from tests.store.deeds import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.values.rollouts import EmergencyAnswer
    from modelwarden.warden.warden import Warden

ROLE = "firefighter"
REASON = "it answers with negative prices, and the version before does too"
FOUND = "the new version answers as it should; the old one had a bad feature"


@pytest.fixture
def case(store_url: str, tmp_path: Path) -> Iterator[Case]:
    """Let 1.0.0 be live, 2.0.0 and 3.0.0 be registered, and olga, oscar and the owner be authorised."""
    found = Case.of(store_url, tmp_path)
    for follower in found.warden.followers:
        follower.close()
    olga = found.join("olga", "operator")
    found.join("oscar", "operator")
    found.agree(found.request().id, "xavier", "bob")
    olga.deployments.start("churn", "1.0.0")
    for label in ("2.0.0", "3.0.0"):
        found.register(label)
    allow(found, "role.define", {"role": ROLE, "permissions": ["deploy.emergency"], "includes": []})
    found.acting("root").roles.define(ROLE, permissions=["deploy.emergency"])
    for name in ("olga", "oscar", "olivia"):
        give(found, name)
    yield found
    found.warden.close()


def allow(case: Case, action: str, payload: dict[str, Any]) -> None:
    case.agree(case.ask("root", action, payload).id, "xavier", "bob")


def give(case: Case, name: str) -> None:
    allow(case, "role.grant", {"user": name, "role": ROLE, "scope": {}})
    case.acting("root").roles.grant(name, role=ROLE)


def urgent(case: Case, label: str = "2.0.0", *, by: str = "olga") -> EmergencyAnswer:
    return case.acting(by).deployments.emergency("churn", label, reason=REASON, ticket="INC-1")


def settle(warden: Warden) -> None:
    KeepEmergencies(warden, settings=warden.settings).idle()


def test_nobody_is_authorised_by_one_administrator_alone(case: Case) -> None:
    root = case.acting("root")
    with pytest.raises((PermitNeeded, PayloadChanged)):
        root.roles.define("helper", permissions=["deploy.emergency"])
    with pytest.raises((PermitNeeded, PayloadChanged)):
        root.roles.grant("quinn", role=ROLE)


def test_no_program_and_no_lent_token_makes_one(case: Case) -> None:
    case.acting("root").service_accounts.add("bot", owner="olga")
    give(case, "bot")
    case.acting("root").roles.grant("bot", role="operator")
    bot = case.using(case.acting("olga").tokens.create(user="bot").secret)
    with pytest.raises(NotPermitted):
        bot.deployments.emergency("churn", "2.0.0", reason=REASON, ticket="INC-1")
    lent = case.using(case.acting("root").tokens.create(user="olga").secret)
    with pytest.raises(LentCredential):
        lent.deployments.emergency("churn", "2.0.0", reason=REASON, ticket="INC-1")
    own = case.using(
        case.acting("olga").tokens.create(scopes=["model.read", "deploy.production"]).secret
    )
    with pytest.raises(NotPermitted):
        own.deployments.emergency("churn", "2.0.0", reason=REASON, ticket="INC-1")
    assert route(case) == ("1.0.0", None)


def test_a_switch_on_the_version_stands(case: Case) -> None:
    case.acting("olga").switches.activate(
        scope={"model": "churn", "version": "2.0.0"}, reason="it leaks", severity="SEV2"
    )
    with pytest.raises(GateRefused) as denied:
        urgent(case)
    assert denied.value.reasons == ("switch_active",)


def test_altered_bytes_stand_in_the_way(case: Case) -> None:
    (case.folder / "2.0.0.bin").write_bytes(b"x" * 64)
    with pytest.raises(GateRefused) as denied:
        urgent(case)
    assert denied.value.reasons == ("artifact_mismatch",)


def test_no_one_else_than_the_seats_can_approve_afterwards(case: Case) -> None:
    done = urgent(case, by="olivia")
    with pytest.raises(NotPermitted):
        case.acting("olivia").approvals.approve(done.request.id)
    case.acting("root").users.link("olivia", to="bob")
    case.approve("xavier", done.request.id)
    with pytest.raises(WardenError):
        case.approve("bob", done.request.id)
    case.clock.advance(hours=72)
    settle(case.warden)
    assert route(case) == ("1.0.0", None)


def test_a_second_one_waits_for_the_review_of_the_first(case: Case) -> None:
    first = urgent(case)
    with pytest.raises(GateRefused) as denied:
        urgent(case, "3.0.0", by="oscar")
    assert denied.value.reasons == ("emergency_unreviewed",)
    assert first.deployment is not None
    case.acting("bob").deployments.review(
        first.deployment.id, outcome="as_expected", findings=FOUND
    )
    assert urgent(case, "3.0.0", by="oscar").deployment is not None
    case.clock.advance(hours=72)
    settle(case.warden)
    assert route(case) == ("1.0.0", None), "never back to what was not approved either"


def test_the_time_runs_on_through_a_restart(case: Case, store_url: str, tmp_path: Path) -> None:
    urgent(case)
    case.clock.advance(hours=40)
    settle(case.warden)
    case.warden.close()
    case.clock.advance(hours=32)
    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock) as again:
        settle(again)
        assert again.acting_as("olga").deployments.live("churn").version == "1.0.0"
        assert verified(again, state=True).problems == ()


def test_an_approval_just_before_a_stop_counts_after_it(
    case: Case, store_url: str, tmp_path: Path
) -> None:
    done = urgent(case)
    case.clock.advance(hours=71)
    case.agree(done.request.id, "xavier", "bob")
    case.warden.close()
    case.clock.advance(hours=30)
    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock) as again:
        settle(again)
        assert again.acting_as("olga").deployments.live("churn").version == "2.0.0"


def test_another_rollout_that_never_ends_does_not_keep_it_live(case: Case) -> None:
    urgent(case)
    case.agree(case.request("3.0.0").id, "xavier", "bob")
    olga = case.acting("olga").deployments
    begun = olga.start("churn", "3.0.0", strategy="canary")
    case.clock.advance(hours=72)
    settle(case.warden)
    assert olga.show(begun.id).state == "aborted"
    assert route(case) == ("1.0.0", None)


def test_noting_it_as_made_elsewhere_does_not_keep_it_live(case: Case) -> None:
    urgent(case)
    case.acting("olga").deployments.record("churn", "2.0.0")
    case.clock.advance(hours=72)
    settle(case.warden)
    assert route(case) == ("1.0.0", None)


def test_no_rollback_leads_to_what_was_not_approved(case: Case) -> None:
    urgent(case)
    case.agree(case.request("3.0.0").id, "xavier", "bob")
    olga = case.acting("olga").deployments
    olga.start("churn", "3.0.0")
    with pytest.raises(NothingToRollBackTo):
        olga.rollback("churn", reason="I want the other one", to="2.0.0")
    assert olga.rollback("churn", reason="errors went up").version == "1.0.0"


@pytest.mark.parametrize(
    "change",
    [
        "update deployments set kind = 'release' where kind = 'emergency'",
        "update deployments set approved_at = started_at where kind = 'emergency'",
        "update approvals set expires_at = '2036-01-01T00:00:00.000000Z' where type = 'emergency'",
    ],
)
def test_an_edited_row_is_found(case: Case, change: str) -> None:
    urgent(case)
    edit(case, change)
    assert verified(case.warden, state=True).problems != ()


def test_of_two_that_race_one_is_made(case: Case) -> None:
    def begin(name: str, label: str) -> Callable[[], Any]:
        return lambda: urgent(case, label, by=name)

    came = raced(*(begin(("olga", "oscar")[n % 2], f"{n % 2 + 2}.0.0") for n in range(8)))
    refused = [one for one in came if isinstance(one, WardenError)]
    assert len(refused) == 7
    assert all(
        isinstance(one, GateRefused | Conflict | DeploymentInProgress | WardenError)
        for one in refused
    )
    assert told(case, "emergency.change_made") == 1
    assert verified(case.warden, state=True).problems == ()


def test_an_approval_and_the_end_of_its_time_race_to_one_of_the_two(case: Case) -> None:
    done = urgent(case)
    case.approve("xavier", done.request.id)
    case.clock.advance(hours=72)
    came = raced(lambda: case.approve("bob", done.request.id), lambda: settle(case.warden))
    assert isinstance(came[0], RequestClosed), "its time was over"
    assert route(case) == ("1.0.0", None)
    assert verified(case.warden, state=True).problems == ()


def test_another_approval_and_the_rollback_race_to_one_of_the_two(case: Case) -> None:
    done = urgent(case)
    case.acting("olga").approvals.withdraw(done.request.id)
    other = case.request("2.0.0")
    case.approve("xavier", other.id)
    case.clock.advance(hours=72)
    raced(lambda: case.approve("bob", other.id), lambda: settle(case.warden))
    settle(case.warden)
    stays = told(case, "emergency.change_approved") == 1
    assert route(case) == (("2.0.0" if stays else "1.0.0"), None)
    assert told(case, "deployment.rolled_back") == int(not stays)
    assert verified(case.warden, state=True).problems == ()
