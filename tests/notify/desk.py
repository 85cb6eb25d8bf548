"""A company whose endpoints are served by hand, one turn at a time, on a clock that stands still."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelwarden.config import Settings
from modelwarden.notify.address import Egress
from modelwarden.notify.outcomes import Which
from modelwarden.notify.post import Line
from modelwarden.notify.sender import NotServed, Sender
from modelwarden.store.follower import Follower
from modelwarden.values.ids import EndpointId
from modelwarden.warden.warden import Warden
from tests.access.company import Company, HeldClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelwarden.values.endpoints import EndpointAnswer
    from modelwarden.warden.notify_room import Notify

ALLOWED = ("127.0.0.0/8",)


@dataclass
class Desk:
    """root administers; `turn` does what the follower of an endpoint would do by now."""

    company: Company
    followers: dict[tuple[str, int], tuple[Follower, Sender]] = field(default_factory=dict)

    @classmethod
    def at(cls, url: str, folder: Path) -> Desk:
        clock = HeldClock()
        settings = Settings(url=url, keys_folder=folder / "keys", endpoint_allow=ALLOWED)
        warden = Warden(settings, clock=clock)
        warden.sending.close()  # by hand from here on
        company = Company(warden, clock)
        company.join("root", "admin")
        return cls(company)

    @property
    def notify(self) -> Notify:
        return self.company.acting("root").notify

    @property
    def clock(self) -> HeldClock:
        return self.company.clock

    def add(
        self,
        name: str,
        url: str,
        *,
        types: Sequence[str] = (),
        severity: str = "INFO",
        subjects: Sequence[str] = (),
    ) -> EndpointAnswer:
        return self.notify.add(name, url, types=types, severity=severity, subjects=subjects)

    def happen(self, count: int = 1) -> list[int]:
        """Let things happen; return the numbers of their entries."""
        before = len(self.company.entries())
        for n in range(count):
            self.company.warden.add_user(f"person{before}.{n}")
        return [before + n for n in range(count)]

    def turn(self, name: str = "ops", *, times: int = 1) -> None:
        """Read on and send what is due."""
        follower, sender = self._served(name)
        for _ in range(times):
            with contextlib.suppress(NotServed):
                _settle(follower, sender)
            follower._save(force=True)

    def restart(self) -> None:
        """Forget everything that is not in the database."""
        self.followers.clear()

    def show(self, name: str = "ops") -> EndpointAnswer:
        return self.notify.show(name)

    def log(self, name: str = "ops", *, abandoned: bool = False) -> list[tuple[int, int, str]]:
        """Return (first entry, attempt, outcome) of each try, in order of the entries."""
        rows = self.notify.deliveries(name, limit=500, abandoned=abandoned).items
        return sorted((row.first, row.attempt, row.outcome) for row in rows)

    def waiting(self, name: str = "ops") -> list[int]:
        """Return the numbers of new users that the endpoint was not served yet."""
        at = self.show(name).next_seq
        kinds = enumerate(entry["type"] for entry in self.company.entries())
        return [seq for seq, kind in kinds if kind == "user.added" and seq >= at]

    def _served(self, name: str) -> tuple[Follower, Sender]:
        warden = self.company.warden
        answer = self.show(name)
        with warden.store.database.reading() as connection:
            query = "SELECT round FROM endpoints WHERE id = '" + answer.id + "'"  # noqa: S608  # an id of ours
            round_number = connection.exec_driver_sql(query).scalar()
        which = Which(EndpointId(answer.id), int(round_number or 0))
        if which not in self.followers:
            line = Line(Egress(ALLOWED), deadline_s=2.0)
            sender = Sender(which, warden.store, self.clock, line)
            follower = Follower(f"{which.id}.{which.round}", warden.store, sender)
            self.followers[which] = (follower, sender)
        return self.followers[which]


def _settle(follower: Follower, sender: Sender) -> None:
    """Read and send until nothing moves any more."""
    before = None
    while follower._done != before or before is None or sender.is_busy():
        before = follower._done
        while follower.follow_once():
            pass
        follower._done = sender.idle()
