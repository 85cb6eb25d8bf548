from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.access.actions import write_permit
from modelwarden.errors import (
    ActorNotFound,
    NotPermitted,
    PayloadChanged,
    PermitNeeded,
    PermitSpent,
    PolicyAssignedStill,
    PolicyInvalid,
    PolicyIsRetired,
    PolicyNotFound,
    SettingInvalid,
    ValueInvalid,
)
from modelwarden.policies.actions import (
    assign,
    assign_payload,
    lint,
    policies,
    policy_versions,
    publish,
    publish_payload,
    requirements,
    retire_policy,
)
from modelwarden.policies.actions import policy as show
from modelwarden.policies.document import draft
from modelwarden.registry.actions import NewModel, register_model
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import ModelName, RequestId
from modelwarden.values.pages import Page
from tests.policies.sample import policy
from tests.registry.org import Org, org

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.policies.document import PolicyDocument
    from modelwarden.policies.policy import PolicyVersion
    from modelwarden.store.change import Change
    from modelwarden.values.ids import Digest

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
CHURN = ModelName("churn")
DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Org]:
    with org(tmp_path) as found:
        found.does("alice", partial(register_model, new=NewModel(name="churn")))
        yield found


def publishes(house: Org, document: PolicyDocument, *, by: str = "carol") -> PolicyVersion:
    return house.does(by, partial(publish, document=draft(document.text)))


def assigns(house: Org, name: str, **where: object) -> object:
    return house.does("carol", partial(assign, name=name, **where))


def governs(house: Org, environment: Environment = PRODUCTION) -> list[str]:
    found = house.sees("erin", partial(requirements, model=CHURN, environment=environment))
    return [f"{ref.name}@{ref.version}" for ref in found.policies]


def ends_bootstrap(house: Org) -> None:
    house.warden.add_user("heidi", roles=["approver"])  # the second approver


def permitted(change: Change, *, action: str, payload: Digest, lasts: timedelta) -> None:
    write_permit(
        change,
        action=action,
        payload_digest=payload,
        requester=change.actor,
        request=RequestId("req_1"),
        expires_at=change.now + lasts,
    )


def test_a_policy_is_numbered_hashed_and_in_the_ledger(house: Org) -> None:
    first = publishes(house, policy("{humans: 1}"))
    second = publishes(house, policy("{humans: 2}"))
    assert (first.id, second.id) == ("mine@1", "mine@2")
    entry = house.last()
    assert entry["type"] == "policy.published"
    assert entry["fact"] == {"policy": "mine", "version": 2, "hash": second.hash}
    assert sorted(o["kind"] for o in entry["objects"]) == ["policy", "policy_version"]
    assert house.sees("erin", partial(show, reference="mine")) == second
    assert house.sees("erin", partial(show, reference="mine@1")) == first
    found = house.sees("erin", lambda view: policy_versions(view, "mine", Page(limit=1)))
    assert found.items == (second,)
    assert found.next_cursor is not None


def test_the_same_document_is_the_same_version(house: Org) -> None:
    first = publishes(house, policy("{humans: 1}"))
    before = len(house.entries())
    assert publishes(house, policy("{humans: 1, order: any}")) == first
    assert len(house.entries()) == before


def test_only_an_administrator_publishes_and_assigns(house: Org) -> None:
    for name in ("alice", "bob", "dave", "erin"):
        with pytest.raises(NotPermitted):
            publishes(house, policy(), by=name)
        with pytest.raises(NotPermitted):
            house.does(name, partial(assign, name="builtin/basic", model="churn"))


def test_a_preset_is_not_published_over(house: Org) -> None:
    with pytest.raises(PolicyInvalid, match="belongs to the program"):
        publishes(house, policy(name="builtin/basic"))


def test_people_in_seats_are_kept_by_their_random_ids(house: Org) -> None:
    document = policy("{humans: 1, seats: [{person: bob}]}")
    draft = house.sees("bob", lambda view: lint(view, document.text))
    kept = publishes(house, document)
    assert kept.hash == draft.hash
    person = house.principal("bob").person
    assert kept.parsed.approvals.seats[0].person == person
    assert publishes(house, kept.parsed) == kept  # what was resolved is resolved
    with pytest.raises(ActorNotFound):
        publishes(house, policy("{humans: 1, seats: [{person: nobody}]}", name="other"))


def test_without_an_assignment_the_default_governs(house: Org, tmp_path: Path) -> None:
    assert governs(house) == ["builtin/moderate@1"]
    (tmp_path / "other").mkdir()
    with org(tmp_path / "other", default_policy="nothing") as other, pytest.raises(SettingInvalid):
        governs(other)


def test_what_is_assigned_to_a_model_holds_together(house: Org) -> None:
    publishes(house, policy("{humans: 1, seats: [{role: officer}]}"))
    assigns(house, "mine")
    assert governs(house) == ["mine@1"]
    assigns(house, "builtin/strict", model="churn")
    assert house.warden.acting_as("erin").models.show("churn").policy == "builtin/strict"
    assert governs(house) == ["builtin/strict@3"]
    assigns(house, "mine", model="churn", environment=STAGING)
    assert governs(house) == ["builtin/strict@3"]
    assert governs(house, STAGING) == ["builtin/strict@3", "mine@1"]
    found = house.sees("erin", partial(requirements, model=CHURN, environment=STAGING))
    assert found.places == (("role:approver",), ("role:officer",))
    everything = house.sees("erin", partial(requirements, model=None, environment=PRODUCTION))
    assert [ref.name for ref in everything.policies] == ["mine"]


def test_the_latest_version_governs(house: Org) -> None:
    publishes(house, policy("{humans: 1}"))
    assigns(house, "mine", model="churn")
    publishes(house, policy("{humans: 3}"))
    assert governs(house) == ["mine@2"]


def test_the_same_assignment_changes_nothing(house: Org) -> None:
    assigns(house, "builtin/basic", model="churn")
    before = len(house.entries())
    assigns(house, "builtin/basic", model="churn")
    assert len(house.entries()) == before
    assigns(house, "builtin/strict", model="churn")
    assert house.last()["fact"] == {
        "policy": "builtin/strict",
        "previous": "builtin/basic",
        "model": "churn",
    }


def test_after_bootstrap_exactly_what_was_approved_is_published_once(house: Org) -> None:
    ends_bootstrap(house)
    document = policy("{humans: 2}")
    with pytest.raises(PermitNeeded):
        publishes(house, document)
    payload = publish_payload("mine", document.hash)
    house.does("carol", partial(permitted, action="policy.publish", payload=payload, lasts=DAY))
    with pytest.raises(PayloadChanged):
        publishes(house, policy("{humans: 1}"))
    kept = publishes(house, document)
    assert house.types()[-2:] == ["permit.used", "policy.published"]
    assert house.last()["fact"]["permit"] == house.entries()[-2]["fact"]["permit"]
    assert publishes(house, document) == kept  # nothing to do needs no permit
    third = publish_payload("mine", policy("{humans: 3}").hash)
    house.does("carol", partial(permitted, action="policy.publish", payload=third, lasts=DAY))
    publishes(house, policy("{humans: 3}"))
    publishes_again = policy("{humans: 2}")
    with pytest.raises(PermitSpent):
        publishes(house, publishes_again)


def test_after_bootstrap_an_assignment_needs_its_own_permit(house: Org) -> None:
    ends_bootstrap(house)
    payload = assign_payload("builtin/basic", model=CHURN, environment=STAGING)
    house.does("carol", partial(permitted, action="policy.assign", payload=payload, lasts=DAY))
    for where in ({}, {"model": "churn"}, {"model": "churn", "environment": PRODUCTION}):
        with pytest.raises(PayloadChanged):
            assigns(house, "builtin/basic", **where)
    assigns(house, "builtin/basic", model="churn", environment=STAGING)
    assert governs(house, STAGING) == ["builtin/basic@2"]
    assert governs(house) == ["builtin/moderate@1"]


def test_an_assignment_takes_no_version_that_it_would_not_keep(house: Org) -> None:
    publishes(house, policy("{humans: 3}"))
    publishes(house, policy("{humans: 1}"))
    for name in ("mine@1", "mine@2", "builtin/strict@1"):
        with pytest.raises(ValueInvalid):
            assigns(house, name, model="churn")
    assert governs(house) == ["builtin/moderate@1"]


def test_a_default_that_names_an_edition_stays_with_it(tmp_path: Path) -> None:
    with org(tmp_path, default_policy="builtin/strict@1") as other:
        assert governs(other) == ["builtin/strict@1"]
        listed = other.sees("erin", partial(policy_versions, name="builtin/strict", page=Page()))
        assert [each.id for each in listed.items] == [f"builtin/strict@{n}" for n in (3, 2, 1)]
        one = other.sees(
            "erin", partial(policy_versions, name="builtin/strict", page=Page(limit=1))
        )
        page = Page(limit=1, cursor=one.next_cursor)
        rest = other.sees("erin", partial(policy_versions, name="builtin/strict", page=page))
        assert [each.version for each in (*one.items, *rest.items)] == [3, 2]


def test_a_policy_that_governs_is_not_retired(house: Org) -> None:
    publishes(house, policy())
    assigns(house, "mine", model="churn")
    retire = partial(retire_policy, name="mine")
    with pytest.raises(PolicyAssignedStill):
        house.does("carol", retire)
    assigns(house, "builtin/strict", model="churn")
    house.does("carol", retire)
    assert house.last()["type"] == "policy.retired"
    for again in (
        partial(assign, name="mine"),
        partial(publish, document=draft(policy("{humans: 2}").text)),
    ):
        with pytest.raises(PolicyIsRetired):
            house.does("carol", again)
    with pytest.raises(PolicyNotFound):
        house.does("carol", partial(retire_policy, name="builtin/basic"))


def test_lists_hold_the_presets_in_their_place(house: Org) -> None:
    for name in ("a", "builtins", "z"):
        publishes(house, policy(name=name))
    seen: list[str] = []
    cursor = None
    while True:
        page = Page(limit=2, cursor=cursor)
        found = house.sees("erin", partial(policies, page=page))
        seen += [version.name for version in found.items]
        cursor = found.next_cursor
        if cursor is None:
            break
    assert seen == ["a", "builtin/basic", "builtin/moderate", "builtin/strict", "builtins", "z"]


@pytest.mark.parametrize("reference", ["nothing", "mine@9", "mine@x", "mine@", "builtin/basic@3"])
def test_a_policy_that_is_not_there_is_not_found(house: Org, reference: str) -> None:
    publishes(house, policy())
    with pytest.raises(PolicyNotFound):
        house.sees("erin", partial(show, reference=reference))
