from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    ActorNotFound,
    ModelExists,
    ModelIsRetired,
    ModelNotFound,
    NotPermitted,
    OwnerMissing,
    PurposeTooShort,
    RevisionConflict,
    VersionLive,
)
from modelwarden.registry.actions import (
    ModelChanges,
    ModelFilter,
    NewModel,
    NewVersion,
    model,
    models,
    owner_filter,
    register_model,
    register_version,
    retire_model,
    update_model,
    versions,
)
from modelwarden.registry.lifecycle import Environment, Stage, Status
from modelwarden.values.ids import ModelName, VersionName
from modelwarden.values.pages import Page
from tests.registry.live import goes_live
from tests.registry.org import Org, org

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PURPOSE = "Who will leave next month, so that we call them first"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Org]:
    with org(tmp_path) as found:
        yield found


def registers(house: Org, name: str, **fields: object) -> object:
    return house.does("alice", partial(register_model, new=NewModel(name=name, **fields)))


def updates(house: Org, changes: ModelChanges, *, revision: int | None = None) -> object:
    action = partial(update_model, name="churn", changes=changes, revision=revision)
    return house.does("alice", action)


def names(house: Org, **wanted: object) -> list[str]:
    found = house.sees("erin", lambda view: models(view, Page(), wanted=ModelFilter(**wanted)))
    return [item.name for item in found.items]


def test_a_model_is_registered_and_the_ledger_shows_it(house: Org) -> None:
    kept = registers(house, "churn", owner="bob", purpose=PURPOSE, team="crm", tags=("b", "a", "b"))
    assert (kept.revision, kept.tags, kept.owner_confirmed, kept.purpose_confirmed) == (
        1, ("a", "b"), True, True,
    )  # fmt: skip
    entry = house.last()
    assert entry["type"] == "model.registered"
    assert entry["fact"]["owner"] == kept.owner
    assert [(o["kind"], o["id"], o["rev"]) for o in entry["objects"]] == [("model", "churn", 1)]
    assert "model:churn" in entry["about"]
    assert PURPOSE not in str(house.entries())
    assert house.sees("erin", lambda view: view.words(kept.purpose)) == PURPOSE
    assert house.sees("erin", partial(model, name="churn")) == kept


def test_who_may_not_register_is_refused_and_the_ledger_shows_it(house: Org) -> None:
    for name in ("bob", "carol", "dave", "erin"):
        with pytest.raises(NotPermitted):
            house.does(name, partial(register_model, new=NewModel(name="churn")))
        assert house.last()["type"] == "access.denied"
    assert names(house) == []


def test_a_name_is_given_once(house: Org) -> None:
    registers(house, "churn")
    with pytest.raises(ModelExists):
        registers(house, "churn")


def test_the_owner_is_an_active_person(house: Org) -> None:
    with pytest.raises(ActorNotFound):
        registers(house, "churn", owner="nobody")
    house.warden.acting_as("carol").service_accounts.add("robot", owner="alice")
    with pytest.raises(OwnerMissing):
        registers(house, "churn", owner="robot")


def test_naming_owner_and_purpose_confirms_them(house: Org) -> None:
    registers(house, "churn")
    kept = updates(house, ModelChanges(owner="alice", purpose=PURPOSE), revision=1)
    kept.require_confirmed()
    assert house.last()["fact"]["fields"] == ["owner", "purpose"]
    before = len(house.entries())
    assert updates(house, ModelChanges(owner="alice", purpose=PURPOSE)) == kept
    assert len(house.entries()) == before


def test_a_stale_revision_is_refused(house: Org) -> None:
    registers(house, "churn")
    updates(house, ModelChanges(team="crm"))
    with pytest.raises(RevisionConflict):
        updates(house, ModelChanges(team="sales"), revision=1)


def test_a_purpose_that_says_nothing_is_refused(house: Org) -> None:
    with pytest.raises(PurposeTooShort):
        registers(house, "churn", purpose="because")


def test_a_developer_of_one_team_does_not_move_a_model_out_of_it(house: Org) -> None:
    house.warden.add_user("frank")
    carol = house.warden.acting_as("carol")
    carol.roles.grant("frank", "developer", scope={"team": "crm"})
    registers(house, "churn", team="crm")
    registers(house, "fraud", team="risk")
    change = ModelChanges(team="risk")
    with pytest.raises(NotPermitted):
        house.does("frank", partial(update_model, name="churn", changes=change))
    with pytest.raises(ModelNotFound):
        house.does("frank", partial(update_model, name="fraud", changes=change))
    found = house.sees("frank", lambda view: models(view, Page()))
    assert [item.name for item in found.items] == ["churn"]


def test_what_may_not_be_read_looks_absent(house: Org) -> None:
    house.warden.add_user("grace")
    registers(house, "churn")
    with pytest.raises(ModelNotFound) as unreadable:
        house.sees("grace", partial(model, name="churn"))
    with pytest.raises(ModelNotFound) as absent:
        house.sees("erin", partial(model, name="nothing"))
    assert str(unreadable.value).replace("churn", "nothing") == str(absent.value)


def test_lists_filter_and_page(house: Org) -> None:
    registers(house, "churn", tags=("crm",), owner="alice")
    registers(house, "churn_2", tags=("crm_old",), owner="bob")
    registers(house, "fraud", tags=("CRM",))
    assert names(house) == ["churn", "churn_2", "fraud"]
    assert names(house, tag="crm") == ["churn"]
    assert names(house, text="churn") == ["churn", "churn_2"]
    assert names(house, text="churn_") == ["churn_2"]
    assert names(house, text="%") == []
    bobs = house.sees("erin", lambda view: owner_filter(view, "bob", wanted=ModelFilter()))
    assert names(house, owner=bobs.owner) == ["churn_2"]
    first = house.sees("erin", lambda view: models(view, Page(limit=2)))
    rest = house.sees("erin", lambda view: models(view, Page(limit=2, cursor=first.next_cursor)))
    assert [item.name for item in first.items + rest.items] == ["churn", "churn_2", "fraud"]
    assert rest.next_cursor is None


def test_lists_filter_by_what_versions_are(house: Org) -> None:
    for name in ("churn", "fraud"):
        registers(house, name)
        version = NewVersion(model=name, label="1")
        house.does("alice", partial(register_version, new=version))
    house.does("dave", partial(goes_live, name=VersionName("fraud@1"), place=Environment.STAGING))
    assert names(house, stage=Stage.STAGING) == ["fraud"]
    assert names(house, stage=Stage.DEVELOPMENT) == ["churn"]
    assert names(house, status=Status.REGISTERED) == ["churn"]
    assert names(house, status=Status.DEPLOYED_STAGING, text="f") == ["fraud"]


def test_a_model_is_retired_only_when_nothing_of_it_is_live(house: Org) -> None:
    registers(house, "churn")
    registers(house, "churn-2")
    house.does("alice", partial(register_version, new=NewVersion(model="churn", label="1")))
    name = VersionName("churn@1")
    house.does("dave", partial(goes_live, name=name, place=Environment.PRODUCTION))
    retire = partial(retire_model, name="churn", replacement="churn-2", reason="it is old")
    with pytest.raises(VersionLive):
        house.does("dave", retire)
    house.does("dave", partial(goes_live, name=name, place=Environment.PRODUCTION, back=True))
    with pytest.raises(NotPermitted):
        house.does("alice", retire)
    assert house.does("dave", retire).replacement == ModelName("churn-2")
    assert house.last()["type"] == "model.retired"
    with pytest.raises(ModelIsRetired):
        updates(house, ModelChanges(team="x"))
    with pytest.raises(ModelIsRetired):
        house.does("alice", partial(register_version, new=NewVersion(model="churn", label="2")))


def test_versions_are_listed_newest_first(house: Org) -> None:
    registers(house, "churn")
    for label in ("1", "2", "3"):
        house.does("alice", partial(register_version, new=NewVersion(model="churn", label=label)))
        house.clock.pass_by(timedelta(seconds=1))

    def page(cursor: str | None) -> object:
        return house.sees(
            "erin", lambda view: versions(view, "churn", Page(limit=2, cursor=cursor))
        )

    first = page(None)
    rest = page(first.next_cursor)
    assert [item.label for item in first.items + rest.items] == ["3", "2", "1"]
