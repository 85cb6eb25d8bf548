"""The authorised reads of use cases, and what they force on the models that they use."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import readable
from modelwarden.access.authorize import Resource
from modelwarden.errors import UseCaseNotFound
from modelwarden.permissions import Permission
from modelwarden.registry.use_case import AGREED, TIER, UseCaseState
from modelwarden.registry.use_cases import queries
from modelwarden.values.pages import Listing, Page, cursor_for
from modelwarden.values.words import maybe_named

if TYPE_CHECKING:
    from modelwarden.registry.model import Model
    from modelwarden.registry.use_case import UseCase
    from modelwarden.store.change import View
    from modelwarden.values.ids import UseCaseName

MOST_BATCHES: Final = 20


def resource_of(found: UseCase, environment: str | None = None) -> Resource:
    """Return what scopes select a use case by."""
    return Resource(use_case=found.name, environment=environment)


def use_case(view: View, name: str, *, lock: bool = False) -> UseCase:
    """Return a use case; `lock` holds its row until the commit. Raises UseCaseNotFound."""
    found = queries.find_use_case(view, name, lock=lock)
    if found is None or not readable(view, Permission.USE_CASE_READ, on=resource_of(found)):
        raise UseCaseNotFound(name)
    return found


def use_cases(
    view: View, page: Page, *, model: str | None = None, state: str | None = None
) -> Listing[UseCase]:
    """Return a page of the use cases that the caller may read, by name. Raises ValueInvalid."""
    wanted = maybe_named(UseCaseState, state, field="status")
    found: list[UseCase] = []
    after = page.after or ""
    for _ in range(MOST_BATCHES):
        batch = queries.use_cases_after(view, after, model=model, state=wanted, limit=page.limit)
        for item in batch:
            after = item.name
            if readable(view, Permission.USE_CASE_READ, on=resource_of(item)):
                found.append(item)
            if len(found) == page.limit:
                return Listing(tuple(found), cursor_for(after))
        if len(batch) < page.limit:
            return Listing(tuple(found))
    return Listing(tuple(found), cursor_for(after))


def as_policies_see(view: View, model: Model) -> Model:
    """Return a model with the tier that its use cases force: the lowest number counts (RL-10).

    Every use case that is not deprecated counts, drafts too: what is only planned may make it stricter, never weaker.
    """
    tiers = [TIER[impact] for impact in queries.impacts_on(view, model.name)]
    lowest = min([model.risk_tier, *tiers])
    return model if lowest == model.risk_tier else dataclasses.replace(model, risk_tier=lowest)


def unapproved_use_cases(view: View, model: Model) -> tuple[UseCaseName, ...]:
    """Return the use cases of a model where none of them is approved; without any, nothing is missing (RL-33)."""
    found = queries.use_cases_of(view, model.name)
    if any(one.state in AGREED and not view.is_frozen("use_case", one.name) for one in found):
        return ()
    return tuple(one.name for one in found)
