"""Guards that count, signals that are given, and triggers that are judged by hand on the desk's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from modelwarden.reactions.triggers import SOURCES, JudgeTriggers
from modelwarden.safeguards.fleet import reports
from modelwarden.safeguards.triggers.signal import Window
from modelwarden.values.system import system
from tests.safeguards.test_confirming import instance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.safeguards.fleet.instance import Instance
    from modelwarden.values.triggers import FiringAnswer, TriggerAnswer
    from modelwarden.warden.trigger_room import Triggers
    from tests.safeguards.desk import Desk

SYSTEM = system("test")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOW_S = 300
SWITCH = ({"step": "switch", "threshold": "0.1", "clear": "0.05"},)


class Given:
    """A source whose windows a test says: value of the dimension → rows and value, as of the last hour or a window."""

    def __init__(self) -> None:
        self.now: dict[str | None, tuple[int, float | None]] = {}
        self.more: Mapping[str, Any] = {}

    def __call__(
        self,
        _view: object,
        *,
        model: str,
        environment: str,
        since: datetime,
        until: datetime,
        by: str | None,
    ) -> list[Window]:
        assert (model, environment) == ("churn", "production")
        return [
            Window("psi", each if by else None, since, until, n, value, {"n": n} | dict(self.more))
            for each, (n, value) in self.now.items()
        ]


class Judge:
    """A desk whose triggers are judged when a test says so."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.given = Given()
        for follower in desk.warden.followers:
            if follower.name == "triggers":
                follower.close()
        self.judging = self.another()
        self.totals: dict[int, dict[str, int]] = {}
        desk.clock.time = EPOCH + (desk.clock.time - EPOCH) // timedelta(days=1) * timedelta(days=1)
        desk.acting("root").service_accounts.add("pager", owner="dave")
        desk.acting("root").roles.grant("pager", "operator", reason="it acts for triggers")

    def another(self) -> JudgeTriggers:
        return JudgeTriggers(self.desk.warden, sources={**SOURCES, "psi": self.given}, every_s=0.0)

    def room(self, name: str = "dave") -> Triggers:
        return self.desk.acting(name).triggers

    def set(self, who: str = "dave", **fields: Any) -> TriggerAnswer:  # noqa: ANN401 - fields of a trigger
        wanted: dict[str, Any] = {
            "model": "churn", "signal": "error_rate", "window_s": WINDOW_S, "consecutive": 2, "n_min": 200,
        }  # fmt: skip
        with self.desk.passing():
            return self.room(who).set(fields.pop("name", "errors"), **(wanted | fields))

    def automatic(self, **fields: Any) -> TriggerAnswer:  # noqa: ANN401
        """Let erin agree to a trigger of dave's that switches by itself."""
        auto = {"ladder": SWITCH, "auto_activate": True, "account": "pager", "max_share": 10_000}
        made = self.set(**(auto | fields))
        return self.room("erin").approve(made.name)

    def beat(self, number: int, **added: int) -> None:
        """Let a guard report totals that grew by so much."""
        totals = self.totals.setdefault(number, dict.fromkeys(("ok", "failed"), 0))
        for name, count in added.items():
            totals[name] = totals.get(name, 0) + count
        self.report(number, counts=dict(totals))

    def report(self, number: int, **fields: Any) -> None:  # noqa: ANN401
        now = self.desk.clock.now()
        said = instance(number, heard_at=now, applied_at=now, first_heard_at=now, **fields)
        self.keep([said])

    def keep(self, said: Sequence[Instance]) -> None:
        self.desk.warden.telemetry(SYSTEM, partial(reports.keep, found=said))

    def window(self, *, workers: int = 1, seconds: int = WINDOW_S, **added: int) -> None:
        """Let a whole window pass in which each guard counts so much, and judge."""
        for number in range(workers):
            if number not in self.totals:
                self.beat(number)
            self.beat(number, **added)
        self.pass_on(seconds)

    def pass_on(self, seconds: int = WINDOW_S) -> None:
        """Go to just behind the next boundary, where what ended is judged; guards then count into the next window."""
        length = timedelta(seconds=seconds)
        boundary = EPOCH + ((self.desk.clock.time - EPOCH) // length + 1) * length
        self.desk.clock.time = boundary + timedelta(seconds=25)
        self.judging.idle()

    def psi(self, windows: int = 1, **values: tuple[int, float | None]) -> None:
        """Let windows pass in which drift is so, by region."""
        self.given.now = dict(values)
        for _ in range(windows):
            self.pass_on()

    def fired(self, name: str = "errors") -> list[FiringAnswer]:
        return list(self.room().firings(name).items)

    def told(self, kind: str) -> list[dict[str, Any]]:
        return self.desk.facts(kind)

    def acts(self, name: str = "errors") -> list[tuple[str, str | None]]:
        """Return what came of each firing and why no more, oldest first."""
        return [(each.act, each.cause) for each in reversed(self.fired(name))]


def uuid(number: int) -> str:
    return str(UUID(int=number))
