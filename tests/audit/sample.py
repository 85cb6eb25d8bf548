"""A small house in which something happened: people, models, versions, refusals. For the tests of the audit room."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from modelwarden.access import actions as access
from modelwarden.errors import NotPermitted

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.store.change import Change, View
    from modelwarden.values.principal import Principal
    from modelwarden.warden.warden import Warden

T = TypeVar("T")

PURPOSE = "Predict which customers leave within a month."


def populate(warden: Warden) -> None:
    """Let alice (developer) register churn and fraud; bob is auditor, carol administrator, dave an operator."""
    warden.add_user("carol", roles=["admin"])
    warden.add_user("alice", roles=["developer"], email="alice@example.org")
    warden.add_user("bob", roles=["auditor"])
    warden.add_user("dave", roles=["operator"])
    alice = warden.acting_as("alice")
    for model in ("churn", "fraud"):
        alice.models.register(model, owner="alice", business_purpose=PURPOSE, tags=["retail"])
        alice.versions.register(model, "1.0.0", metrics={"auc": "0.81"}, description="First.")
    alice.versions.register("churn", "1.1.0", metrics={"auc": "0.84"})
    alice.versions.record_metrics("churn", "1.1.0", {"auc": "0.85"})
    alice.versions.record_metrics("churn", "1.1.0", {"auc": "0.83", "rows": 10}, kind="observed")
    warden.add_user("twin")
    change(warden, "carol", partial(access.link, user="twin", to="dave"))
    with contextlib.suppress(NotPermitted):
        warden.acting_as("bob").models.register("mine", business_purpose=PURPOSE)
    sign(warden)


def sign(warden: Warden) -> str:
    """Sign what is committed and return the note."""
    return warden.store.signer.sign().decode()


def principal(warden: Warden, handle: str) -> Principal:
    """Return who acts under this handle."""
    return warden.acting_as(handle).models._bound.principal


def view(warden: Warden, handle: str, action: Callable[[View], T]) -> T:
    """Run a read for somebody."""
    return warden.view(principal(warden, handle), action)


def change(warden: Warden, handle: str, action: Callable[[Change], T]) -> T:
    """Run a change for somebody."""
    return warden.change(principal(warden, handle), action)


def size(warden: Warden) -> int:
    """Return how many entries there are."""
    return view(warden, "bob", lambda v: v.head()[0])
