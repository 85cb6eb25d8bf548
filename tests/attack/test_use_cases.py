"""Use cases that somebody wants to get past the people who have to agree (RL-9, RL-61)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import text

from modelwarden.approvals import actions as approvals
from modelwarden.errors import (
    GateRefused,
    IllegalMove,
    ModelIsRetired,
    ModelNotFound,
    NotPermitted,
    RevisionConflict,
    SelfApproval,
    StatementChanged,
    WardenError,
)
from modelwarden.registry import actions as registry
from modelwarden.registry.actions import UseCaseWords
from tests.approvals.use_case_org import WORDS, UseCaseOrg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHANGES: Final = (
    {"models": ("churn", "other")},
    {"models": ()},
    {"impact": "low"},
    {"systems": ("crm",)},
    {"title": "Calls"},
    {"description": "Sell the list to whoever pays"},
    {"input_schema": {"type": "string"}},
    {"output_schema": {"type": "string"}},
)


@pytest.fixture
def org(tmp_path: Path) -> Iterator[UseCaseOrg]:
    company = UseCaseOrg(tmp_path)
    alice = company.warden.acting_as("alice")
    alice.models.register(
        "other", owner="alice", business_purpose="predicts which invoices are paid late"
    )
    yield company
    company.warden.close()


def edit(org: UseCaseOrg, statement: str) -> None:
    """Change rows behind the program's back."""
    with org.warden.store.database.writing() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("part", ["owner", "author", "requester"])
def test_nobody_with_a_part_in_it_approves_a_use_case(org: UseCaseOrg, part: str) -> None:
    org.warden.acting_as("root").roles.grant("bob", "developer", reason="writes use cases too")
    if part == "owner":
        org.create(owner="bob")
    elif part == "author":
        org.create()
        org.update(by="bob", description="Call whoever bob likes")
    else:
        org.create()
    request = org.submit(by="bob" if part == "requester" else "alice")
    with pytest.raises(SelfApproval):
        org.approve("bob", request)
    waiting = org.warden.acting_as("bob").approvals.list(waiting_for="me").items
    assert request not in {one.id for one in waiting}
    assert org.shown().state == "submitted"


def test_a_group_as_owner_hides_nobody(org: UseCaseOrg) -> None:
    org.create(owner="team_retention", owner_person="bob")
    request = org.submit()
    with pytest.raises(SelfApproval):
        org.approve("bob", request)


def test_an_admin_decides_nothing(org: UseCaseOrg) -> None:
    org.create()
    with pytest.raises(NotPermitted):
        org.do("root", approvals.approve, org.submit())


@pytest.mark.parametrize("words", CHANGES)
def test_what_was_agreed_to_and_changes_is_agreed_to_no_more(
    org: UseCaseOrg, words: dict[str, Any]
) -> None:
    org.go_live("staging", "production")
    org.create()
    request = org.agreed()
    org.use()
    org.use()
    after = org.update(**words)
    assert (after.state, after.live_in) == ("draft", ())
    with pytest.raises(GateRefused) as refused:
        org.use()
    assert {"not_approved", "approval_void"} <= set(refused.value.reasons)
    (void,) = org.system(approvals.void_use_case, "retention")
    assert (void.id, void.state, void.cause) == (request, "void", "use_case")
    assert org.system(approvals.void_use_case, "retention") == ()


def test_a_change_that_is_taken_back_does_not_bring_the_question_back(org: UseCaseOrg) -> None:
    org.create()
    request = org.submit()
    ballot = org.ballot("bob", request)
    org.update(impact="low")
    org.update(impact="high")
    with pytest.raises(StatementChanged):
        org.do("bob", approvals.approve, request, ballot)
    assert org.submit() != request
    with pytest.raises(WardenError):
        org.do("bob", approvals.approve, request, ballot)


def test_an_envelope_serves_one_use_case_alone(org: UseCaseOrg) -> None:
    org.create()
    org.create("other-calls")
    mine, other = org.submit(), org.submit("other-calls")
    ballot = org.ballot("bob", mine)
    with pytest.raises(StatementChanged):
        org.do("bob", approvals.approve, other, ballot)


def test_an_approved_request_is_no_permit(org: UseCaseOrg) -> None:
    org.create()
    org.agreed()
    with org.warden.store.database.reading() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM permits WHERE spent_at IS NULL")).scalar()
            == 0
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE use_cases SET state = 'approved'",
        "UPDATE use_cases SET state = 'approved', models = '[\"churn\",\"other\"]'",
        "UPDATE use_cases SET state = 'approved', request = (SELECT id FROM approvals WHERE type = 'release')",
    ],
)
def test_a_row_that_was_edited_goes_nowhere(org: UseCaseOrg, statement: str) -> None:
    org.go_live("staging")
    org.create()
    org.submit()
    edit(org, statement)
    with pytest.raises(GateRefused):
        org.use()


def test_an_approval_whose_rows_were_edited_goes_nowhere(org: UseCaseOrg) -> None:
    org.go_live("staging")
    org.create()
    request = org.submit()
    org.approve("bob", request)
    edit(org, "UPDATE approvals SET state = 'approved', humans = 1 WHERE type = 'use_case'")
    edit(org, "UPDATE use_cases SET state = 'approved'")
    with pytest.raises(GateRefused) as refused:
        org.use()
    assert "not_approved" in refused.value.reasons


def test_a_retired_or_unknown_model_is_not_linked(org: UseCaseOrg) -> None:
    org.do("dave", registry.retire_model, "other")
    with pytest.raises(ModelIsRetired):
        org.create(models=("churn", "other"))
    with pytest.raises(ModelNotFound):
        org.create(models=("nobody",))


def test_a_model_that_is_retired_later_stops_the_use_case(org: UseCaseOrg) -> None:
    org.go_live("staging")
    org.create(models=("churn", "other"))
    org.do("dave", registry.retire_model, "other")
    with pytest.raises(ModelIsRetired):
        org.submit()
    org.create("later", models=("churn",))
    org.agreed("later")
    edit(org, "UPDATE models SET retired_at = '2026-11-20T12:00:00.000000Z' WHERE name = 'churn'")
    with pytest.raises(GateRefused) as refused:
        org.use("later")
    assert refused.value.reasons == ("model_retired",)


def race(*acts: Any) -> list[object]:  # noqa: ANN401  # functions
    """Run acts at once; return what each gave or raised."""
    found: list[object] = [None] * len(acts)
    line = threading.Barrier(len(acts))

    def run(place: int) -> None:
        line.wait()
        try:
            found[place] = acts[place]()
        except WardenError as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_two_links_at_once_none_is_lost_unseen(org: UseCaseOrg) -> None:
    first = org.create(models=())

    def link(model: str) -> Any:  # noqa: ANN401  # a function
        words = UseCaseWords(models=(model,))
        return lambda: org.warden.change(
            org.who("alice"),
            lambda change: registry.update_use_case(
                change, "retention", words=words, revision=first.revision
            ),
        )

    found = race(link("churn"), link("other"))
    lost = [one for one in found if isinstance(one, RevisionConflict)]
    (won,) = [one for one in found if one not in lost]
    assert len(lost) == 1
    assert org.shown().models == won.models  # type: ignore[attr-defined]


def test_of_two_submissions_at_once_one_question_is_put(org: UseCaseOrg) -> None:
    org.create()

    def submit() -> object:
        return org.warden.change(
            org.who("alice"),
            lambda change: approvals.submit_use_case(
                change, "retention", comment="the same twice, at the same time"
            ),
        )

    found = race(submit, submit)
    assert sum(isinstance(one, IllegalMove) for one in found) == 1
    asked = org.warden.acting_as("alice").approvals.list(state="open", type="use_case").items
    assert [one.id for one in asked] == [org.shown().request]


def test_rights_on_one_use_case_reach_no_other(org: UseCaseOrg) -> None:
    root = org.warden.acting_as("root")
    root.roles.grant("erin", "operator", scope={"use_case": "retention"}, reason="runs this one")
    org.create()
    org.create("other-calls")
    root.roles.grant("erin", "analyst", reason="reads them all")
    with pytest.raises(NotPermitted):
        org.do("erin", approvals.deprecate_use_case, "other-calls")
    ended = org.do("erin", approvals.deprecate_use_case, "retention")
    assert ended.state == "deprecated"  # the switch belongs to it, though she may activate none


def test_who_may_not_link_a_model_makes_its_releases_no_stricter(org: UseCaseOrg) -> None:
    root = org.warden.acting_as("root")
    root.roles.grant("erin", "developer", scope={"use_case": "mine"}, reason="writes her own down")
    root.roles.grant("erin", "analyst", reason="reads them all")
    with pytest.raises(NotPermitted):
        org.do("erin", registry.create_use_case, "mine", words=WORDS)
