"""A company on a busy day, as a server shows it: triggers that fired, proposals, drills, local stops and drift.

Everything was counted, judged and decided by the program itself, on a clock that stands still in the end.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelwarden.reactions.drills import KeepDrills
from modelwarden.reactions.safeguards import KeepTime
from modelwarden.reactions.triggers import SOURCES, JudgeTriggers
from modelwarden.safeguards.fleet import queries as fleet
from modelwarden.safeguards.local_stops.stop import SaidStop
from modelwarden.server import create_server_app
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.console.readers import PURPOSE, Place
from tests.safeguards.desk import Desk
from tests.safeguards.drifting import REFERENCE, elsewhere, flush, like_before
from tests.safeguards.judges import SWITCH, Judge
from tests.safeguards.test_confirming import instance
from tests.safeguards.test_drift import now, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SYSTEM: Final = system("test")
LONG: Final = "customer-lifetime-value-forecast.eu-central-1.candidate"
PEOPLE: Final = ("root", "olivia", "dave", "erin", "gina", "frank")
PLANS: Final = ("churn/nan/0.05/10m/30d/09:00", f"{LONG}/latency:200ms/0.01/1h/7d/14:30")
DRIFTING: Final = {
    "age": (130, 95, 88, 102, 90, 96, 104, 99, 88, 72, 20, 6, 10), "plan": (240, 180, 210, 330, 40),
}  # fmt: skip
STEPS: Final = (
    {"step": "note", "threshold": "0.1", "clear": "0.05"},
    {"step": "proposal", "threshold": "0.5", "clear": "0.2"},
)


@dataclass
class Busy:
    """A desk whose day a test writes, and what pages are asked about."""

    desk: Desk
    judge: Judge
    drill: str = ""
    stops: int = 0

    @classmethod
    def opened(cls, folder: Path) -> Busy:
        desk = Desk.opened(f"sqlite:///{folder}/warden.db", folder)
        judge = Judge(desk)
        judge.judging = JudgeTriggers(desk.warden, sources=SOURCES, every_s=0.0)
        for follower in desk.warden.followers:
            if follower.name in {"drills", "safeguards"}:
                follower.close()
        desk.join("frank")
        owner = desk.acting("olivia")
        owner.models.register(LONG, owner="olivia", business_purpose=PURPOSE)
        owner.versions.register("churn", "2", drift_reference=REFERENCE)
        return cls(desk, judge)

    def again(self, **settings: Any) -> None:  # noqa: ANN401
        """Run the program again, with other settings."""
        before = self.desk.warden.settings
        self.desk.warden.close()
        self.desk.warden = open_warden(
            before.url, keys_folder=before.keys_folder, clock=self.desk.clock, **settings
        )
        for follower in self.desk.warden.followers:
            if follower.name in {"drills", "safeguards", "triggers"}:
                follower.close()

    def windows(self, *failed: int | None) -> None:
        """Let windows pass in which so many of a thousand calls fail; none counts nothing."""
        for count in failed:
            if count is None:
                self.judge.pass_on()
            else:
                self.judge.window(workers=3, ok=1_000 - count, failed=count, clipped=count // 3)

    def drift(self, **regions: Mapping[str, tuple[int, ...]]) -> None:
        told(self.desk, flush(dict(regions), minute=now(self.desk)))

    def block(self, *said: SaidStop, host: str) -> None:
        """Let a guard say what it blocks by itself."""
        self.stops += 1
        at = self.desk.clock.now()
        made = instance(700 + self.stops, local_stops=said, applied_at=at, heard_at=at, host=host)
        keep = partial(fleet.keep_instances, found=[made])
        self.desk.warden.telemetry(SYSTEM, keep)
        with self.desk.passing():
            KeepTime(self.desk.warden).idle()

    def drilled(self, fault: str, *, struck: int, fires: bool) -> str:
        """Let a drill in staging run, strike and be reported."""
        desk = self.desk
        with desk.passing():
            made = desk.acting("dave").drills.run(
                fault, {"model": "churn"}, ttl="10m", detect_within="5m", activate_within="5m"
            )
        desk.clock.advance(seconds=42)
        if fires:
            with desk.passing():
                stop = desk.switches("erin").activate(
                    {"model": "churn", "region": "eu"}, reason="the drill is seen", severity="SEV3",
                    environment="staging",
                )  # fmt: skip
            with desk.passing():
                desk.asked(stop.id, "dave")
                desk.confirm(stop.id, "gina")
        counts = {"drilled": struck, "drilled_fell": struck * 9 // 10}
        said = instance(900, environment="staging", counts=counts, heard_at=desk.clock.now())
        desk.warden.telemetry(SYSTEM, partial(fleet.keep_instances, found=[said]))
        for minutes in (10, 2):
            desk.clock.advance(minutes=minutes)
            KeepDrills(desk.warden).idle()
        return str(made.id)


def carried() -> SaidStop:
    since = "2026-11-18T07:00:00.000000Z"
    rule = {
        "id": "swi_forgotten", "scope": {"model": ["churn"], "segment": ["vip"]}, "except": {}, "action": "block",
        "fallback": None, "unknown": "match", "severity": "SEV1", "lkg_before": since, "held": 10_000,
    }  # fmt: skip
    return SaidStop(rule["scope"], since, rule)


def write_day(busy: Busy) -> None:
    """Let a day pass: drills first, then triggers that fire, then what waits for people."""
    busy.drilled("latency:200ms", struck=0, fires=False)
    busy.drill = busy.drilled("nan", struck=412, fires=True)
    judge, desk = busy.judge, busy.desk
    judge.set(window_s=300)
    judge.set(name="clipping", signal="clip_rate", dry_run=True)
    judge.automatic(
        name="stop-errors", ladder=({"step": "switch", "threshold": "0.3", "clear": "0.1"},)
    )
    judge.set(
        name="input-drift-of-the-candidate", signal="psi", by="region", n_min=650, window_s=600, consecutive=3,
        ladder=STEPS,
    )  # fmt: skip
    judge.set(name="tighter", ladder=SWITCH, auto_activate=True, account="pager")
    judge.set(name="long", model=LONG, signal="fallback_share")
    rising = {"age": (520, 60, 60, 60, 60, 60, 60, 40, 40, 40, 0, 0, 0), "plan": (250, 250, 250, 230, 20)}  # fmt: skip
    for number, failed in enumerate((12, 18, None, 25, 31, 140, 160, 44, 20, 18, 22, 95, 180, 210)):
        parts = {"eu": rising if number > 3 else DRIFTING, "us": like_before()}
        busy.drift(**parts, **({"br": elsewhere(120)} if number % 2 else {}))
        busy.windows(failed)
        if number == 7:
            (proposed,) = desk.switches("dave").proposals().items[:1]
            with desk.passing():
                accepted = desk.switches("erin").accept(proposed.id, reason="the feed is wrong")
            with desk.passing():
                desk.asked(str(accepted.switch), "erin")
                desk.confirm(str(accepted.switch), "gina")
    judge.set(name="errors", ladder=SWITCH, auto_activate=True, account="pager", max_share=500)
    busy.block(
        SaidStop({"region": "eu"}, "2026-11-19T22:10:00.000000Z"), host="web-3.eu-central-1.example"
    )
    busy.block(carried(), host="web-4")
    busy.block(SaidStop({"consumer": "batch"}, "2026-11-19T23:00:00.000000Z"), host="web-5")
    busy.block(SaidStop({"segment": "trial"}, "2026-11-19T21:00:00.000000Z"), host="web-6")
    with desk.passing():
        gone = desk.acting("dave").local_stops.list(standing=True).items[1]
        desk.acting("dave").local_stops.drop(gone.id, notes="the batch is mended")


@contextmanager
def busy_place(folder: Path, **settings: Any) -> Iterator[tuple[Busy, Place]]:  # noqa: ANN401
    """Serve a company after its day, with drills that wait and run."""
    busy = Busy.opened(folder)
    write_day(busy)
    desk = busy.desk
    busy.again(drills_environments=("staging", "production"), drills_schedule=PLANS)
    with desk.passing():
        desk.acting("erin").drills.run("drift:0.4", {"model": "fraud"}, ttl="20m")
    with desk.passing():
        desk.acting("erin").drills.run(
            "error", {"model": LONG, "region": ["eu", "us"]}, environment="production", share=0.05
        )
    tokens = {
        name: desk.acting("root" if name == "frank" else name).tokens.create(user=name).secret or ""
        for name in PEOPLE
    }
    desk.clock.advance(seconds=90)
    busy.again(
        drills_environments=("staging", "production"), drills_schedule=PLANS, embedded=False, write_rate=0, read_rate=0,
        **settings,
    )  # fmt: skip
    with desk.warden:
        app = create_server_app(desk.warden.settings, warden=desk.warden)
        with served(app) as address:
            yield busy, Place(address, tokens, "")
