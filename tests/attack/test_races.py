"""Everything at once, from many threads and two processes' wardens: what may happen once happens once (attack 3)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.access import actions
from modelwarden.errors import (
    AlreadyDecided,
    CallerError,
    Conflict,
    EvidenceError,
    KeyNotYours,
    LastAdmin,
    NotPermitted,
    PermitNeeded,
    PermitSpent,
    RevisionConflict,
    RoleConflict,
    SetUpRefused,
    StatementChanged,
    StatementStale,
)
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden, open_warden
from tests.access.company import Company
from tests.store.deeds import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.attack.case import Case

SET_UP = system("set_up")


@pytest.fixture
def company(store_url: str, tmp_path: Path) -> Iterator[Company]:
    opened = Company.at(store_url, tmp_path)
    yield opened
    opened.warden.close()


def _second(company: Company, store_url: str, folder: Path) -> Company:
    warden = open_warden(store_url, keys_folder=folder / "keys", clock=company.clock)
    return Company(warden, company.clock, company.keys)


def _at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all acts at the same moment; return what each returned or raised."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:  # noqa: ANN401
        gate.wait(30)
        try:
            return act()
        except (CallerError, EvidenceError) as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def _done(found: list[Any]) -> list[Any]:
    return [each for each in found if not isinstance(each, Exception)]


def test_one_person_from_32_threads_and_two_processes_counts_once(
    case: Case, store_url: str, tmp_path: Path
) -> None:
    request = case.request()
    ballots = [case.ballot("xavier", request.id) for _ in range(32)]
    second = open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock)
    rooms = [warden.acting_as("xavier") for warden in (case.warden, second)]

    def vote(place: int) -> Callable[[], Any]:
        return lambda: rooms[place % 2].approvals.decide(request.id, "approve", **ballots[place])

    found = _at_once([vote(place) for place in range(32)])
    assert len(_done(found)) == 1
    shown = case.acting("quinn").approvals.show(request.id)
    assert (shown.state, len(shown.decisions)) == ("open", 1)
    assert len(case.facts("approval.decided")) == 1
    assert verified(case.warden, state=True).problems == ()
    second.close()


def test_two_accounts_of_one_person_at_once_count_once(
    case: Case, store_url: str, tmp_path: Path
) -> None:
    request = case.request()
    case.acting("root").users.link("bob", to="xavier")
    second = open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock)
    ballots = {name: case.ballot(name, request.id) for name in ("xavier", "bob")}
    found = _at_once(
        [
            lambda: case.acting("xavier").approvals.decide(
                request.id, "approve", **ballots["xavier"]
            ),
            lambda: second.acting_as("bob").approvals.decide(
                request.id, "approve", **ballots["bob"]
            ),
        ]
    )
    assert len(_done(found)) == 1
    assert case.acting("quinn").approvals.show(request.id).state == "open"
    second.close()


def test_an_approval_that_races_a_new_figure_never_covers_it(
    case: Case, store_url: str, tmp_path: Path
) -> None:
    second = open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock)
    for n in range(2, 6):
        label = f"{n}.0.0"
        case.register(label)
        request = case.request(label)
        ballots = {name: case.ballot(name, request.id) for name in ("xavier", "bob")}
        found = _at_once(
            [
                lambda b=ballots, r=request: case.acting("xavier").approvals.decide(
                    r.id, "approve", **b["xavier"]
                ),
                lambda b=ballots, r=request: second.acting_as("bob").approvals.decide(
                    r.id, "approve", **b["bob"]
                ),
                lambda w=label: second.acting_as("rita").versions.record_metrics(
                    "churn", w, {"recall": "0.1"}, kind="evaluation"
                ),
            ]
        )
        assert not [each for each in found[2:] if isinstance(each, Exception)]
        assert not case.join(f"olga{n}", "operator").deployments.gate("churn", label).allow
    assert verified(case.warden, state=True).problems == ()
    second.close()


def test_a_replayed_or_transplanted_envelope_is_refused(case: Case) -> None:
    first = case.request()
    case.register("2.0.0")
    other = case.request("2.0.0")
    ballot = case.ballot("xavier", first.id)
    for name, request in (("xavier", other.id), ("bob", first.id)):
        with pytest.raises((StatementChanged, KeyNotYours)):
            case.acting(name).approvals.decide(request, "approve", **ballot)
    with pytest.raises(StatementChanged):
        case.acting("xavier").approvals.decide(first.id, "reject", **ballot)
    case.acting("xavier").approvals.decide(first.id, "approve", **ballot)
    with pytest.raises(AlreadyDecided):
        case.acting("xavier").approvals.decide(first.id, "approve", **ballot)
    assert len(case.facts("approval.decided")) == 1


def test_an_envelope_handed_in_again_after_it_was_taken_back_harms_nothing(case: Case) -> None:
    request = case.request()
    ballot = case.ballot("xavier", request.id)
    case.acting("xavier").approvals.decide(request.id, "approve", **ballot)
    case.acting("xavier").approvals.withdraw_decision(request.id)
    found = case.acting("xavier").approvals.decide(request.id, "approve", **ballot)
    assert found.state == "open"
    case.clock.advance(minutes=11)
    case.acting("xavier").approvals.withdraw_decision(request.id)
    with pytest.raises(StatementStale):
        case.acting("xavier").approvals.decide(request.id, "approve", **ballot)


def test_of_many_writers_with_one_revision_one_wins(case: Case) -> None:
    seen = case.acting("olivia").models.show("churn").revision
    found = _at_once(
        [
            lambda n=n: case.acting("olivia").models.update("churn", team=f"t{n}", revision=seen)
            for n in range(16)
        ]
    )
    assert len(_done(found)) == 1
    assert {type(each) for each in found if isinstance(each, Exception)} == {RevisionConflict}
    assert case.acting("olivia").models.show("churn").revision == seen + 1


def test_roles_that_must_not_meet_are_not_granted_to_two_accounts_at_once(
    company: Company, store_url: str, tmp_path: Path
) -> None:
    second = _second(company, store_url, tmp_path)
    for n in range(5):
        names = [f"dave{n}", f"dave{n}.too"]
        for name in names:
            company.join(name, email=f"dave{n}@example.org")
        found = _at_once(
            [
                lambda w=names[0]: company.acting("root").roles.grant(w, "auditor"),
                lambda w=names[1]: second.acting("root").roles.grant(w, "operator"),
            ]
        )
        assert len(_done(found)) == 1
        assert [type(e) for e in found if isinstance(e, Exception)] == [RoleConflict]
    second.warden.close()


def test_a_role_does_not_grow_while_it_is_granted_to_an_auditor(
    company: Company, store_url: str, tmp_path: Path
) -> None:
    second = _second(company, store_url, tmp_path)
    for n in range(5):
        company.join(f"erin{n}", "auditor")
        company.acting("root").roles.define(f"more{n}", permissions=["metrics.read"])
        found = _at_once(
            [
                lambda k=n: company.acting("root").roles.grant(f"erin{k}", f"more{k}"),
                lambda k=n: second.acting("root").roles.define(
                    f"more{k}", permissions=["metrics.read", "model.register"]
                ),
            ]
        )
        assert len(_done(found)) == 1
        assert [type(e) for e in found if isinstance(e, Exception)] == [RoleConflict]
    second.warden.close()


def test_two_administrators_who_remove_each_other_at_once_leave_one(
    company: Company, store_url: str, tmp_path: Path
) -> None:
    second = _second(company, store_url, tmp_path)
    company.join("ruth", "admin")
    found = _at_once(
        [
            lambda: company.acting("root").users.suspend("ruth", reason="x"),
            lambda: second.acting("ruth").users.suspend("root", reason="x"),
        ]
    )
    assert len(_done(found)) == 1
    assert isinstance(next(e for e in found if isinstance(e, Exception)), NotPermitted | LastAdmin)
    second.warden.close()


def test_a_permit_is_spent_once_by_many_at_once(
    company: Company, store_url: str, tmp_path: Path
) -> None:
    company.with_approvers()
    company.join("dave")
    company.permitted("root", "role.grant", {"user": "dave", "role": "approver", "scope": {}})
    second = _second(company, store_url, tmp_path)
    roots = [each.acting("root") for each in (company, second)]
    found = _at_once([lambda n=n: roots[n % 2].roles.grant("dave", "approver") for n in range(12)])
    assert len(_done(found)) == 1
    assert {type(e) for e in found if isinstance(e, Exception)} <= {PermitSpent, PermitNeeded}
    assert len(company.facts("permit.used")) == 1
    assert len(company.acting("root").roles.show("dave")) == 1
    second.warden.close()


def test_a_set_up_link_makes_one_administrator_of_many_at_once(
    store_url: str, tmp_path: Path
) -> None:
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        secret = warden.telemetry(SET_UP, actions.new_link)
        other = warden.telemetry(SET_UP, actions.new_link)
        with open_warden(store_url, keys_folder=tmp_path / "keys") as second:

            def begin(place: int) -> Callable[[], Any]:
                used: Warden = (warden, second)[place % 2]
                link = (secret, other)[place % 3 == 0]
                return lambda: used.change(
                    SET_UP, lambda change: actions.set_up(change, secret=link, handle=f"r{place}")
                )

            found = _at_once([begin(place) for place in range(8)])
        assert len(_done(found)) == 1
        assert {type(e) for e in found if isinstance(e, Exception)} <= {SetUpRefused, Conflict}
        rooms = warden.bound(warden.authenticate(_done(found)[0].secret))
        assert len(rooms.users.list().items) == 1


def test_a_challenge_is_used_once_by_many_at_once(company: Company) -> None:
    bob = company.join("bob", "approver")
    challenge = bob.keys.challenge()
    keys = [SigningKey.generate() for _ in range(8)]
    message = actions.enrolment_message(challenge.id)
    found = _at_once(
        [
            lambda key=key: bob.keys.enrol_signed(
                key.public_pem, challenge=challenge.id, signature=key.sign(message)
            )
            for key in keys
        ]
    )
    assert len(_done(found)) == 1
