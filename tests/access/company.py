"""A company in one database: root administers; others join as a test needs them. The clock stands still."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from modelwarden.ledger.keys import SigningKey
from modelwarden.store.schema.ledger import entries
from modelwarden.warden.warden import Warden, open_warden

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelwarden.values.answers import RequestAnswer
    from modelwarden.warden.rooms import Rooms

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
WHY = "the quarterly review of who may do what asked for it"


@dataclass
class HeldClock:
    time: datetime = START

    def now(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


@dataclass
class Company:
    warden: Warden
    clock: HeldClock
    keys: dict[str, SigningKey] = field(default_factory=dict)

    @classmethod
    def at(cls, url: str, folder: Path) -> Company:
        clock = HeldClock()
        warden = open_warden(url, keys_folder=folder / "keys", clock=clock)
        company = cls(warden, clock)
        company.join("root", "admin")
        return company

    def join(self, name: str, *roles: str, email: str | None = None) -> Rooms:
        self.warden.add_user(name, roles=roles, email=email)
        return self.acting(name)

    def acting(self, name: str) -> Rooms:
        return self.warden.acting_as(name)

    def using(self, secret: str | None) -> Rooms:
        """Return the rooms as a token's bearer has them."""
        assert secret is not None
        return self.warden.bound(self.warden.authenticate(secret))

    def enrol(self, name: str, *, by: str = "root") -> SigningKey:
        key = SigningKey.generate()
        answer = self.acting(name).keys.enrol(key)
        self.acting(by).keys.confirm(answer.id)
        self.keys[name] = key
        return key

    def with_approvers(self) -> None:
        """Let bob and carol approve, with keys; bootstrap mode ends."""
        for name in ("bob", "carol"):
            self.join(name, "approver")
            self.enrol(name)

    def ask(self, name: str, action: str, payload: Mapping[str, Any]) -> RequestAnswer:
        return self.acting(name).approvals.request_access(
            action=action, payload=payload, justification=WHY
        )

    def agree(self, request: str, *names: str) -> None:
        for name in names or ("bob", "carol"):
            self.acting(name).approvals.approve(request, comment="agreed", key=self.keys[name])

    def permitted(self, name: str, action: str, payload: Mapping[str, Any]) -> RequestAnswer:
        request = self.ask(name, action, payload)
        self.agree(request.id)
        return request

    def entries(self) -> list[dict[str, Any]]:
        with self.warden.store.database.reading() as connection:
            rows = connection.execute(select(entries.c.body).order_by(entries.c.seq)).all()
        return [json.loads(row.body) for row in rows]

    def last(self) -> dict[str, Any]:
        return self.entries()[-1]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return [entry["fact"] for entry in self.entries() if entry["type"] == kind]

    def denials(self) -> list[dict[str, Any]]:
        return self.facts("access.denied")
