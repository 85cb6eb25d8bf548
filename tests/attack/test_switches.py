"""Letting a model go on alone, in another's name or twice; stopping what only looks like a model (SG-10, AC-17)."""

from __future__ import annotations

import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from modelwarden.errors import (
    CallerError,
    NotFound,
    NotPermitted,
    OwnerRelease,
    ReleaseNotRequested,
    SelfRelease,
    SwitchNotActive,
    Unauthenticated,
    UnknownTarget,
    ValueInvalid,
)
from modelwarden.reactions.safeguards import KeepTime
from modelwarden.warden.warden import open_warden
from tests.safeguards.desk import WHY, Desk
from tests.store.deeds import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from modelwarden.warden.rooms import Rooms

NOTES = "looks well"


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Iterator[Desk]:
    opened = Desk.opened(store_url, tmp_path)
    yield opened
    opened.warden.close()


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all acts at the same moment; return what each returned or raised."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:  # noqa: ANN401
        gate.wait(30)
        try:
            return act()
        except CallerError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def second(desk: Desk, store_url: str, folder: Path) -> Desk:
    """Return another process's warden on the same database."""
    warden = open_warden(store_url, keys_folder=folder / "keys", clock=desk.clock)
    return Desk(warden, desk.clock)


def test_a_second_account_of_who_asked_does_not_confirm(desk: Desk) -> None:
    desk.join("erin-two", "operator", email="erin@example.org")
    desk.join("erin-one", "operator", email="erin@example.org")
    made = desk.stop("dave")
    desk.asked(made.id, "erin-one")
    with pytest.raises(SelfRelease):
        desk.confirm(made.id, "erin-two")
    assert len(desk.live("churn")) == 1


def test_accounts_that_turn_out_to_be_one_person_count_as_one_from_then_on(desk: Desk) -> None:
    made = desk.stop("dave", severity="SEV1")
    desk.asked(made.id, "erin")
    desk.acting("root").users.link("gina", to="erin")
    with pytest.raises(SelfRelease):
        desk.confirm(made.id, "gina")
    desk.join("hugo", "operator")
    desk.acting("root").users.link("hugo", to="dave")
    with pytest.raises(SelfRelease):
        desk.confirm(made.id, "hugo")


def test_another_account_of_the_owner_does_not_confirm(desk: Desk) -> None:
    desk.join("liv", "operator")
    desk.acting("root").users.link("liv", to="olivia")
    for scope in ({"model": "churn"}, {"region": "eu"}, {"model": {"not_in": ["fraud"]}}):
        made = desk.stop("dave", **scope)
        desk.asked(made.id, "erin")
        with pytest.raises(OwnerRelease):
            desk.confirm(made.id, "liv")


def test_an_owner_who_gives_the_model_away_stays_barred(desk: Desk) -> None:
    desk.acting("root").roles.grant("olivia", "operator")
    made = desk.stop("dave")
    desk.acting("olivia").models.update("churn", owner="ivan")
    desk.asked(made.id, "erin")
    with pytest.raises(OwnerRelease):
        desk.confirm(made.id, "olivia")


def lent(desk: Desk, issuer: str, user: str, *scopes: str) -> Rooms:
    """Return the rooms of whoever holds a token that the issuer made in the user's name."""
    token = desk.acting(issuer).tokens.create(user=user, scopes=list(scopes) or None)
    return desk.using(token.secret)


def test_who_asked_does_not_confirm_by_a_token_made_in_anothers_name(desk: Desk) -> None:
    desk.join("ada", "admin", "operator")
    made = desk.stop("dave")
    desk.asked(made.id, "ada")
    as_gina = lent(desk, "ada", "gina")
    with pytest.raises(SelfRelease):
        as_gina.switches.confirm_release(made.id, notes=NOTES)
    again = desk.using(as_gina.tokens.create().secret)
    with pytest.raises(SelfRelease):
        again.switches.confirm_release(made.id, notes=NOTES)


def test_who_asks_by_a_token_made_in_anothers_name_does_not_confirm(desk: Desk) -> None:
    desk.join("ada", "admin", "operator")
    made = desk.stop("dave")
    lent(desk, "ada", "gina").switches.request_release(made.id, notes=NOTES)
    for name in ("ada", "gina"):
        with pytest.raises(SelfRelease):
            desk.confirm(made.id, name)
    assert desk.confirm(made.id, "erin").state == "released"


def test_who_activates_in_anothers_name_does_not_confirm_at_sev1(desk: Desk) -> None:
    desk.join("ada", "admin", "operator")
    made = lent(desk, "ada", "gina").switches.activate(
        {"model": "churn"}, reason=WHY, severity="SEV1"
    )
    desk.asked(made.id, "erin")
    with pytest.raises(SelfRelease):
        desk.confirm(made.id, "ada")


def test_a_token_that_was_cut_down_does_no_more_than_it_says(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    token = desk.acting("gina").tokens.create(scopes=["switch.read", "switch.activate"])
    with pytest.raises(NotPermitted):
        desk.using(token.secret).switches.confirm_release(made.id, notes=NOTES)
    own = desk.acting("olivia").tokens.create(scopes=["model.read"])
    with pytest.raises(NotPermitted):
        desk.using(own.secret).switches.activate({"model": "churn"}, reason=WHY, severity="SEV1")


def test_whose_role_ended_neither_stops_nor_lets_go_on(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    gina = desk.acting("gina")
    desk.acting("root").roles.revoke("gina", "operator")
    with pytest.raises(NotFound):  # she may not even read it any more
        gina.switches.confirm_release(made.id, notes=NOTES)
    desk.acting("root").users.deactivate("olivia", reason="she left")
    with pytest.raises((NotPermitted, Unauthenticated)):
        desk.acting("olivia").switches.activate({"model": "churn"}, reason=WHY, severity="SEV1")


def test_a_released_switch_never_returns(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    desk.confirm(made.id, "gina")
    size = len(desk.facts("switch.released"))
    for act in (
        lambda: desk.confirm(made.id, "gina"),
        lambda: desk.asked(made.id, "erin"),
        lambda: desk.switches("dave").refuse_release(made.id, notes=NOTES),
    ):
        with pytest.raises(SwitchNotActive):
            act()
    fresh = desk.stop("dave")
    assert fresh.id != made.id
    with pytest.raises(SwitchNotActive):
        desk.confirm(made.id, "gina")
    assert len(desk.facts("switch.released")) == size
    assert [each.id for each in desk.live("churn")] == [fresh.id]


def test_an_old_confirmation_does_not_serve_a_new_request(desk: Desk) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    desk.switches("olivia").refuse_release(made.id, notes="it still drifts")
    with pytest.raises(ReleaseNotRequested):
        desk.confirm(made.id, "gina")
    desk.asked(made.id, "gina")
    with pytest.raises(SelfRelease):
        desk.confirm(made.id, "gina")


@pytest.mark.parametrize(
    "change",
    [
        "state = 'released'",
        'scope = \'{"region":["nowhere"]}\'',
        "severity = 'SEV4'",
        "requested_persons = '[]'",
    ],
)
def test_a_row_that_was_edited_is_found(desk: Desk, change: str) -> None:
    made = desk.stop("dave")
    desk.asked(made.id, "erin")
    assert verified(desk.warden, state=True).problems == ()
    with desk.warden.store.database.writing() as connection:
        connection.execute(text(f"UPDATE switches SET {change}"))  # noqa: S608  # our own words
    found = verified(desk.warden, state=True).problems
    assert [(each.code, made.id in each.detail) for each in found] == [("state_mismatch", True)]


@pytest.mark.parametrize(
    "model",
    [
        "\u0441hurn",
        "\uff43hurn",
        "churn\u200b",
        "chu\u00adrn",
        "CHURN",
        "churn\n",
        "\ufeffchurn",
        "chur\u0578",
    ],
)
def test_a_name_that_only_looks_like_a_model_stops_nothing_unseen(desk: Desk, model: str) -> None:
    if model.strip() == "churn":
        assert desk.stop("dave", model=model).scope == {"model": ["churn"]}
        return
    with pytest.raises((UnknownTarget, ValueInvalid)):
        desk.stop("dave", model=model)


def test_one_scope_in_many_spellings_is_one_switch(desk: Desk) -> None:
    spelled = "Île-de-Franc\u0065\u0301"
    forms = [unicodedata.normalize(form, spelled) for form in ("NFC", "NFD")]
    first = desk.stop("dave", region=forms[0])
    for other in (forms[1], forms[0].upper(), forms[1].lower(), f"\u2003{forms[1]}\t"):
        assert desk.stop("erin", region=other).id == first.id
    assert desk.stop("erin", segment=forms[0]).id != first.id
    assert desk.stop("erin", segment=forms[0].upper()).scope == {"segment": [forms[0].upper()]}
    assert desk.switches("dave").check({"region": forms[1].upper()}).matches[0].switch == first.id


def test_a_scope_can_not_carry_what_a_screen_would_act_on(desk: Desk) -> None:
    for value in ("eu\x1b[2J", "eu\u202e", "eu\x00", "\ud800", "e\nu"):
        with pytest.raises((ValueInvalid, UnknownTarget)):
            desk.switches("dave").activate({"region": value}, reason=WHY)
    with pytest.raises(ValueInvalid):
        desk.switches("dave").activate({"model": "lab\u0085one"}, reason=WHY, allow_unknown=True)


def test_two_who_confirm_at_once_release_it_once(
    desk: Desk, store_url: str, tmp_path: Path
) -> None:
    other = second(desk, store_url, tmp_path)
    for _ in range(5):
        made = desk.stop("dave")
        desk.asked(made.id, "erin")
        found = at_once(
            [
                lambda m=made: desk.confirm(m.id, "gina"),
                lambda m=made: other.confirm(m.id, "dave"),
                lambda m=made: other.switches("olivia").refuse_release(m.id, notes="wait"),
            ]
        )
        done = [each for each in found if not isinstance(each, Exception)]
        assert len(done) in {1, 2}
        released = [each for each in done if each.state == "released"]
        assert len(released) <= 1
        state = desk.switches("ivan").show(made.id).state
        assert state == ("released" if released else "active")
        if state == "active":
            desk.asked(made.id, "erin")
            desk.confirm(made.id, "gina")
    assert verified(desk.warden, state=True).problems == ()
    other.warden.close()


def test_the_same_stop_from_everywhere_at_once_is_one_switch(
    desk: Desk, store_url: str, tmp_path: Path
) -> None:
    other = second(desk, store_url, tmp_path)
    for n in range(3):
        scope = {"model": "churn", "segment": f"s{n}"}
        rooms = [each.switches(name) for each in (desk, other) for name in ("dave", "erin", "gina")]
        found = at_once(
            [lambda r=r, s=scope: r.activate(s, reason=WHY) for r in rooms for _ in range(2)]
        )
        assert len({each.id for each in found}) == 1
        assert sorted(each.repeated for each in found) == [False] + [True] * 11
    assert len(desk.facts("switch.activated")) == 3
    assert verified(desk.warden, state=True).problems == ()
    other.warden.close()


def test_time_ends_and_tells_once_whoever_looks(desk: Desk, store_url: str, tmp_path: Path) -> None:
    other = second(desk, store_url, tmp_path)
    ends = desk.clock.now() + timedelta(hours=1)
    for n in range(4):
        desk.switches("dave").activate(
            {"segment": f"s{n}"}, reason=WHY, expires_at=ends, on_expiry="release"
        )
        desk.stop("dave", consumer=f"c{n}")
    desk.clock.advance(days=1)
    found = at_once([KeepTime(each.warden).idle for each in (desk, other) for _ in range(3)])
    assert found == [None] * 6
    assert len(desk.facts("switch.expired")) == len(desk.facts("switch.reminded")) == 4
    assert verified(desk.warden, state=True).problems == ()
    other.warden.close()


def test_a_file_applied_from_everywhere_at_once_is_applied_once(
    desk: Desk, store_url: str, tmp_path: Path
) -> None:
    other = second(desk, store_url, tmp_path)
    document = {
        "switches": [
            {"name": f"s{n}", "reason": WHY, "scope": {"segment": f"s{n}"}} for n in range(5)
        ]
    }
    acts = [lambda d=d: d.switches("dave").apply(document) for d in (desk, other) for _ in range(3)]
    found = at_once(acts)
    assert not [each for each in found if isinstance(each, Exception)]
    assert len(desk.facts("switch.activated")) == 5
    other.warden.close()
