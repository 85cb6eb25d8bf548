"""A warden with people in it, and a clock that stands still until a test moves it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from modelwarden.access import rights
from modelwarden.access.accounts import actor_named
from modelwarden.store.schema.ledger import entries
from modelwarden.values.principal import Principal, Via
from modelwarden.warden.warden import Warden, open_warden
from tests import tables
from tests.registry.sample import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta
    from pathlib import Path

    from modelwarden.store.change import Change, View

T = TypeVar("T")
PEOPLE = {
    "alice": ["developer"], "bob": ["approver"], "carol": ["admin"], "dave": ["operator"],
    "erin": ["auditor"],
}  # fmt: skip


@dataclass
class StillClock:
    moment: datetime = field(default=NOW)

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, span: timedelta) -> None:
        self.moment += span


@dataclass
class Org:
    warden: Warden
    clock: StillClock

    def principal(self, name: str) -> Principal:
        rooms = self.warden.acting_as("carol")
        return self.warden.view(
            rooms.models._bound.principal,
            lambda view: rights.principal_of(view, actor_named(view, name), via=Via.PROCESS),
        )

    def does(self, name: str, action: Callable[[Change], T]) -> T:
        return self.warden.change(self.principal(name), action)

    def sees(self, name: str, action: Callable[[View], T]) -> T:
        return self.warden.view(self.principal(name), action)

    def entries(self) -> list[dict[str, Any]]:
        with self.warden.store.database.reading() as connection:
            rows = connection.execute(select(entries.c.body).order_by(entries.c.seq)).all()
        return [json.loads(row.body) for row in rows]

    def last(self) -> dict[str, Any]:
        return self.entries()[-1]

    def types(self) -> list[str]:
        return [entry["type"] for entry in self.entries()]


@contextmanager
def org(folder: Path, **settings: object) -> Iterator[Org]:
    clock = StillClock()
    with open_warden(tables.fresh(folder), clock=clock, **settings) as warden:
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
        yield Org(warden, clock)
