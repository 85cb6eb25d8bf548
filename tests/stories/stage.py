"""One served program for many drills: its clock is the test's, its guards are real, and triggers are judged by hand."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelwarden.api.app import create_app
from modelwarden.guard.fallback import Default
from modelwarden.guard.guard import Guard
from modelwarden.guard.held import Clocks
from modelwarden.reactions.triggers import JudgeTriggers
from modelwarden.safeguards.drift import queries as drift
from modelwarden.safeguards.drift.counted import minute_of
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.fleet.instance import LOST
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests.access.company import HeldClock
from tests.api.town import served
from tests.attack.case import Case
from tests.guard.hosts import QUICK, soon
from tests.safeguards.fleet import guard_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.safeguards.fleet.instance import Instance
    from modelwarden.values.drills import DrillAnswer

PURPOSE: Final = "predicts which customers leave next month"
BUSY: Final = replace(QUICK, drift_s=0.05, slots_s=0.1)
MINUTE: Final = timedelta(minutes=1)
SYSTEM: Final = system("test")
NOTE: Final = ({"step": "note", "threshold": "0.01", "clear": "0.005"},)


class Stage:
    """Drills and real guards in staging, over HTTP."""

    def __init__(self, case: Case, url: str, folder: Path) -> None:
        self.case = case
        self.url = url
        self.folder = folder
        for follower in case.warden.followers:
            if follower.name == "triggers":
                follower.close()
        self.judging = JudgeTriggers(case.warden, every_s=0.0)
        self.judging.idle()
        self.clock.time += LOST  # from now on it is known who is silent

    @property
    def clock(self) -> HeldClock:
        return self.case.clock

    def model(self, name: str) -> str:
        """Register a model, unless it is there."""
        if name not in {each.name for each in self.case.acting("olivia").models.list().items}:
            self.case.acting("olivia").models.register(
                name, owner="olivia", business_purpose=PURPOSE
            )
        return name

    def watch(self, model: str, signal: str, *, environment: str = "staging", **how: Any) -> None:  # noqa: ANN401
        """Put a trigger in force that notes what it sees at once."""
        chosen = {"window_s": 60, "n_min": 1, "consecutive": 1, "ladder": NOTE} | how
        triggers = self.case.acting("dave").triggers
        triggers.set(
            f"{model}-{signal}", model=model, signal=signal, environment=environment, **chosen
        )

    def drill(self, model: str, fault: str, share: str = "1") -> DrillAnswer:
        return self.case.acting("dave").drills.run(fault, {"model": model}, share=share)

    @contextmanager
    def guards(self, model: str, *, url: str = "", count: int = 1) -> Iterator[list[Guard]]:
        """Start guards of a model in staging that were heard of once."""
        token = guard_token(self.case.warden, owner="root", model=model)
        wall = Clocks(wall=lambda: self.clock.now().timestamp())
        with ExitStack() as stack:
            found = []
            for number in range(count):
                guard = Guard(
                    url or self.url, model, environment="staging", token=token,
                    state_dir=self.folder / f"{model}-{number}", pace=BUSY, clocks=wall, fallback=[Default(0.1)],
                    init_wait=20.0,
                )  # fmt: skip
                stack.callback(guard.close)
                found.append(guard)
            self.until(model, lambda heard: len(heard) >= count)
            yield found

    def until(self, model: str, holds: Callable[[list[Instance]], object]) -> None:
        """Wait until what guards of a model said last is so."""
        soon(lambda: holds(self.heard(model)))

    def heard(self, model: str) -> list[Instance]:
        found = self.case.warden.view(
            SYSTEM,
            partial(fleet.instances_heard, since=self.clock.now() - LOST, environment="staging"),
        )
        return [each for each in found if each.model == model and each.state != "gone"]

    def told(self, kind: str, model: str) -> list[dict[str, Any]]:
        """Return the facts of a kind that are about a model, or about a switch on it."""
        of_model = [fact for fact in self.case.facts("switch.activated") if model in fact["models"]]
        switches = {fact["switch"] for fact in of_model}
        return [
            fact
            for fact in self.case.facts(kind)
            if model in (fact.get("model"), *fact.get("models", ()))
            or fact.get("switch") in switches
        ]

    def rows(self, model: str) -> int:
        """Return how many rows of a model were counted for drift."""
        minute = minute_of(self.clock.now())
        read = partial(
            drift.slots_between,
            model=model,
            environment="staging",
            version=None,
            since=minute,
            until=minute + 1,
        )
        found = self.case.warden.view(SYSTEM, read)
        return max((sum(row) for cells in found.values() for row in cells), default=0)

    def pass_a_window(self) -> None:
        """Go to just behind the next minute, where what ended is judged."""
        begun = datetime(1970, 1, 1, tzinfo=UTC)
        self.clock.time = begun + ((self.clock.time - begun) // MINUTE + 1) * MINUTE
        self.clock.advance(seconds=25)
        self.judging.idle()

    def fired(self, model: str) -> set[str]:
        return {fact["signal"] for fact in self.told("trigger.fired", model)}


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Open a program in this process, and serve it on loopback."""
    clock = HeldClock(datetime.now(UTC).replace(second=0, microsecond=0))
    settings = {"read_rate": 0, "write_rate": 0}
    warden = open_warden(
        f"sqlite:///{folder}/warden.db", keys_folder=folder / "keys", clock=clock, **settings
    )
    case = Case(warden, clock)
    case.join("root", "admin")
    case.settle(folder)
    for name in ("dave", "erin"):
        case.join(name, "operator")
    with served(create_app(warden)) as url:
        try:
            yield Stage(case, url, folder)
        finally:
            warden.close()
