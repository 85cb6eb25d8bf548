"""Those who run models: olivia owns churn and fraud is ulla's; dave, erin and gina operate; root administers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import queries
from tests.access.company import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.safeguards.switch import Switch
    from modelwarden.values.switches import SwitchAnswer
    from modelwarden.warden.switch_room import Switches

PURPOSE = "predicts which customers leave next month"
WHY = "PSI 0.61 in the last hour"


class Desk(Company):
    """A company whose models can be stopped."""

    @classmethod
    def opened(cls, url: str, folder: Path) -> Desk:
        desk = cls.at(url, folder)
        assert isinstance(desk, Desk)
        for name in ("olivia", "ulla", "ivan"):
            desk.join(name, "developer")
        for name in ("dave", "erin", "gina"):
            desk.join(name, "operator")
        for name, owner, kind in (("churn", "olivia", "classifier"), ("fraud", "ulla", "ranker")):
            desk.acting(owner).models.register(
                name, owner=owner, business_purpose=PURPOSE, type=kind
            )
        desk.acting("olivia").versions.register("churn", "1.4.0")
        return desk

    def switches(self, name: str) -> Switches:
        return self.acting(name).switches

    def stop(self, by: str = "dave", *, severity: str = "SEV2", **scope: Any) -> SwitchAnswer:  # noqa: ANN401
        with self.passing():
            return self.switches(by).activate(
                scope or {"model": "churn"}, reason=WHY, severity=severity
            )

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Let what is done here have a time of its own: ids are ordered by it."""
        self.clock.advance(milliseconds=1)
        yield
        self.clock.advance(milliseconds=1)

    def asked(self, switch: str, by: str = "erin") -> SwitchAnswer:
        return self.switches(by).request_release(switch, notes="the feed is right again")

    def confirm(self, switch: str, by: str) -> SwitchAnswer:
        return self.switches(by).confirm_release(switch, notes="seen on the dashboard")

    def live(self, model: str, environment: str = "production") -> tuple[Switch, ...]:
        """Return what a snapshot of this model has to hold."""
        return self.warden.view(
            self.warden.acting_as("root").switches._bound.principal,
            lambda view: queries.live_switches(view, Environment(environment), model),
        )
