"""The SQL of groups."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select

from modelwarden.access.groups.group import Member, PeopleGroup
from modelwarden.store.schema.access import groups
from modelwarden.values.clock import moment
from modelwarden.values.ids import ActorId, PersonId
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import View

_ONE: Final = select(groups).where(groups.c.name == bindparam("name"))
_LOCKED: Final = _ONE.with_for_update()
_PAGE: Final = (
    select(groups)
    .where(groups.c.name > bindparam("after"))
    .order_by(groups.c.name)
    .limit(bindparam("limit"))
)


def find_group(view: View, name: str, *, lock: bool = False) -> PeopleGroup | None:
    """Return a group, or None; `lock` holds its row until the commit."""
    row = view.row(_LOCKED if lock else _ONE, {"name": name})
    return None if row is None else _as_group(row)


def groups_page(view: View, page: Page) -> Listing[PeopleGroup]:
    """Return a page of groups, by name."""
    rows = view.rows(_PAGE, {"after": page.after or "", "limit": page.limit})
    found = [_as_group(row) for row in rows]
    return listing(found, page, key=found[-1].name if found else None)


def _as_group(row: Row[Any]) -> PeopleGroup:
    return PeopleGroup(
        name=row.name,
        members=tuple(
            Member(ActorId(actor), moment(since), PersonId(added))
            for actor, since, added in json.loads(row.members)
        ),
        created_by=row.created_by,
        created_at=moment(row.created_at),
        revision=row.revision,
    )
