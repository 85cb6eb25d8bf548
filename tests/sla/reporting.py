"""Reporters of slots: what they send, byte for byte, without a recorder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from modelwarden.access import actions as access
from modelwarden.guard import slot_report
from modelwarden.guard.slots import Counts, Part
from modelwarden.reactions.slots import KeepSlots
from modelwarden.values.sketch import Sketch
from modelwarden.values.system import system
from tests.safeguards.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modelwarden.store.change import Change
    from modelwarden.values.slas import SeriesAnswer
    from modelwarden.values.use_cases import UsageAnswer
    from modelwarden.warden.rooms import Rooms

SLI = "churn-latency"
THRESHOLDS = ("0.25", "0.5")


def minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def at(minutes: int) -> datetime:
    return datetime.fromtimestamp(minutes * 60, UTC)


def counts(
    latencies: Sequence[float], *, thresholds: Sequence[str] = THRESHOLDS, **more: int
) -> Counts:
    bad = tuple(sum(value > float(limit) for value in latencies) for limit in thresholds)
    given = {"total": len(latencies) + more.get("blocked", 0)} | more
    return Counts(**given, thresholds=tuple(thresholds), bad=bad, sketch=Sketch.of(latencies))


def part(of: int, number: int = 1, *, sli: str = SLI, dropped: int = 0, **fields: Any) -> Part:  # noqa: ANN401
    latencies = fields.pop("latencies", (0.1, 0.3, 0.6))
    if sli.startswith("guard:"):
        fields.setdefault("thresholds", ())
    made = counts(latencies, **fields)
    return Part(sli=sli, minute=of, number=number, counts=made, dropped=dropped)


def wire(instance: str, *parts: Part, closing: bool = False) -> bytes:
    ordered = sorted(parts, key=lambda each: each.number)
    return slot_report.write(instance, (each.encode() for each in ordered), closing=closing)


class Plant(Desk):
    """A desk where churn is measured, and accounts report; what keeps time is stepped by hand."""

    @classmethod
    def opened(cls, url: str, folder: Path) -> Plant:
        plant = super().opened(url, folder)
        assert isinstance(plant, Plant)
        plant.acting("dave").sla.define_sli(SLI, resource="churn", thresholds=THRESHOLDS)
        plant.keeping = KeepSlots(plant.warden, now=plant.clock.now)
        for follower in plant.warden.followers:
            if follower.name == "slots":
                follower.close()
        return plant

    keeping: KeepSlots

    @property
    def now(self) -> int:
        return minute(self.clock.now())

    def account(
        self, *permissions: str, scope: Mapping[str, str] | None = None, owner: str = "olivia"
    ) -> Rooms:
        """Return the rooms of a new service account, as its token has them."""
        name = f"reporter-{uuid4().hex[:8]}"

        def issue(change: Change) -> str:
            granted = permissions or ("sla.record",)
            access.define_role(change, f"role-{name}", permissions=granted)
            access.add_service_account(change, name, owner=owner)
            where = {"model": "churn"} if scope is None else scope
            access.grant(change, name, f"role-{name}", scope=where)
            return access.create_token(change, user=name, days=30).secret

        return self.using(self.warden.change(system("test"), issue))

    def series(self, sli: str = SLI, **how: Any) -> SeriesAnswer:  # noqa: ANN401
        return self.acting("dave").sla.slots(sli, **how)

    def whole(self, sli: str = SLI, hours: int = 1) -> Any:  # noqa: ANN401
        """Return what was counted in so many hours before now, and in the minute under way."""
        since, until = at(self.now - hours * 60), at(self.now + 1)
        return self.series(sli, since=since, until=until).whole

    def later(self, **by: float) -> None:
        self.clock.advance(**by)
        self.keeping.idle()


def write_down(plant: Plant, *names: str, models: tuple[str, ...] = ("churn",)) -> None:
    """Let olivia write use cases down."""
    for name in names:
        plant.acting("olivia").use_cases.create(name, models=models)


def used(plant: Plant, name: str = "calls", **how: Any) -> UsageAnswer:  # noqa: ANN401
    """Return how a use case was used up to now, as dave may see it."""
    return plant.acting("dave").use_cases.usage(name, **{"until": at(plant.now + 1)} | how)
