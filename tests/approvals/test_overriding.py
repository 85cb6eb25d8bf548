"""What an emergency passes over: checks and missing seats, and not one condition more (RL-44, AC-22)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from modelwarden.approvals.gate import Case, Deployer, weigh
from modelwarden.approvals.overriding import OVERRIDDEN, Emergency
from modelwarden.approvals.request import RequestState
from tests.approvals import sample
from tests.approvals.sample import BOB, CAROL
from tests.approvals.test_gate import CASES, half_answered, rejected_seat

if TYPE_CHECKING:
    from modelwarden.approvals.gate import Approval

PLAIN = Emergency(second_person=False)
TWO = Emergency(second_person=True)


def still_open(approval: Approval) -> Approval:
    request = dataclasses.replace(approval.request, state=RequestState.OPEN)
    return dataclasses.replace(approval, request=request)


def urgent(emergency: Emergency = PLAIN, *, given: Approval | None = None) -> Case:
    approval = still_open(half_answered() if given is None else given)
    return sample.case(approval=approval, emergency=emergency)


@pytest.mark.parametrize("name", CASES)
def test_only_checks_and_missing_seats_are_passed_over(name: str) -> None:
    make, code = CASES[name]
    case = make()
    before = set(weigh(case).codes)
    after = weigh(dataclasses.replace(case, emergency=PLAIN))
    assert before - OVERRIDDEN <= set(after.codes)
    assert {reason.code for reason in after.overridden} == before & OVERRIDDEN
    if code not in OVERRIDDEN:
        assert code in after.codes


def test_missing_seats_are_named_and_passed_over() -> None:
    verdict = weigh(urgent())
    assert (verdict.allow, {reason.code for reason in verdict.overridden}) == (
        True,
        {"not_approved"},
    )


def test_what_needs_nothing_passed_over_passes_nothing_over() -> None:
    verdict = weigh(sample.case(emergency=TWO))
    assert (verdict.allow, verdict.overridden) == (True, ())


def test_without_a_request_that_can_be_approved_nothing_passes() -> None:
    assert weigh(sample.case(approval=None, emergency=PLAIN)).codes == ("emergency_closed",)
    for state in set(RequestState) - {RequestState.OPEN, RequestState.APPROVED}:
        given = sample.approval()
        request = dataclasses.replace(given.request, state=state)
        case = sample.case(approval=dataclasses.replace(given, request=request), emergency=PLAIN)
        assert "emergency_closed" in weigh(case).codes


def test_a_second_person_is_neither_who_deploys_nor_who_takes_part() -> None:
    case = urgent(TWO)
    (signer,) = half_answered().persons
    assert weigh(case).allow
    deploys = dataclasses.replace(case, deployer=Deployer(person=signer, permitted=True))
    assert "second_person_missing" in weigh(deploys).codes
    given = still_open(dataclasses.replace(half_answered(), barred={"owner": frozenset({signer})}))
    assert {"self_approval", "second_person_missing"} <= set(
        weigh(sample.case(approval=given, emergency=TWO)).codes
    )
    assert signer in {BOB, CAROL}


def test_a_rejection_bars_it() -> None:
    assert "emergency_rejected" in weigh(urgent(given=rejected_seat())).codes


def test_an_earlier_one_that_nobody_looked_back_at_bars_it() -> None:
    case = urgent(Emergency(second_person=False, unreviewed=("dep_1",)))
    assert weigh(case).codes == ("emergency_unreviewed",)
