"""One region drifts: a trigger stops it alone, answers from before stand in, and two people let it go on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import TourFailed
from modelwarden.tour import traffic
from modelwarden.tour.cast import ADMIN, OPERATOR, OWNER, SECOND, WATCH
from modelwarden.tour.scene import MODEL
from modelwarden.tour.traffic import EAST, WEST

if TYPE_CHECKING:
    from modelwarden.tour.scene import Scene
    from modelwarden.tour.telling import Telling
    from modelwarden.values.switches import SwitchAnswer
    from modelwarden.values.triggers import FiringAnswer

TRIGGER: Final = "drift-by-region"
MINUTE_S: Final = 60
JUDGED_S: Final = 90
"""From the minute's begin until it is judged: the minute itself, 20 s for counts on their way, a look each 10 s."""
LIMIT_S: Final = 240
CONFIRM_S: Final = 60
PAUSE_S: Final = 0.5
FIXED: Final = "The form asks for years again; the next cases were read by hand."
LOOKED: Final = "Compared twenty ages with the paper forms: all in years."


def stop(scene: Scene, telling: Telling) -> None:
    """Drift, the switch, the answers from before, and the release."""
    _watch(scene, telling)
    firing = _drift(scene, telling)
    switch = _stopped(scene, telling, firing)
    _let_go(scene, telling, switch)
    telling.prove(
        "East answers for itself again.",
        trigger=TRIGGER,
        firing=firing.id,
        switch=switch.id,
        region=firing.by_value,
        psi=firing.value,
        rows=firing.n,
        severity=firing.severity,
    )


def _watch(scene: Scene, telling: Telling) -> None:
    """Set a trigger that acts by itself, as two people agree."""
    otto = scene.connected_as(OPERATOR)
    made = otto.triggers.set(
        TRIGGER,
        model=MODEL,
        signal="psi",
        by="region",
        window_s=MINUTE_S,
        consecutive=1,
        ladder=[{"step": "switch", "threshold": "0.5", "clear": "0.2"}],
        auto_activate=True,
        max_share=5_000,
        account=WATCH,
    )
    telling.expect(made.state == "waiting", f"one person made the trigger {made.state}")
    agreed = scene.connected_as(ADMIN).triggers.approve(TRIGGER)
    telling.expect(agreed.state == "in_force", f"two people left the trigger {agreed.state}")
    telling.say(
        f"otto sets a trigger: where a feature of one region lies far from training, a population stability index above"
        f" 0.5, that region is switched off, if it is no more than half of the traffic. It acts by itself, as the"
        f" account {WATCH}, so a second person has to agree: ada does."
    )


def _drift(scene: Scene, telling: Telling) -> FiringAnswer:
    """Send drifted traffic in a minute of its own, and wait until the trigger fires for it."""
    good = scene.require_remembered().until
    until = time.monotonic() + LIMIT_S
    while _minute(datetime.now(UTC)) == _minute(good):
        telling.wait(f"the next minute begins in {MINUTE_S - datetime.now(UTC).second} s")
        time.sleep(PAUSE_S)
    otto = scene.connected_as(OPERATOR)
    traffic.send_drifted(scene, telling)
    sent = datetime.now(UTC)
    telling.say(
        f"Then the east's form is changed, and sends ages in months. {traffic.ROWS:,} cases come in, a third of"
        " them from there. The numbers are valid, so nothing fails. The guard tells its counts, and a minute is judged"
        " once it is over."
    )
    while time.monotonic() < until:
        fired = otto.triggers.firings(TRIGGER).items
        if fired:
            return _only_east(telling, fired)
        now = datetime.now(UTC)
        if _minute(now) - _minute(sent) > 1 and now.second > MINUTE_S // 2:
            traffic.send_drifted(scene, telling)  # the minute was judged: its counts came too late
            sent = now
        left = MINUTE_S * _minute(sent) + JUDGED_S - now.timestamp()
        telling.wait(f"the minute is judged in about {max(left, 1):.0f} s")
        time.sleep(PAUSE_S)
    raise TourFailed(f"the trigger did not fire within {LIMIT_S} seconds")


def _only_east(telling: Telling, fired: tuple[FiringAnswer, ...]) -> FiringAnswer:
    firing = fired[0]
    met = (len(fired), firing.by_value, firing.act) == (1, EAST, "switched")
    telling.expect(met, f"it fired for {[(one.by_value, one.act, one.cause) for one in fired]}")
    share = f"{(firing.share or 0) / 100:.0f} % of the last hour"
    telling.sheet(
        ("trigger", "region", "index", "rows", "share", "severity"),
        [(TRIGGER, EAST, f"{float(firing.value):.1f}", f"{firing.n}", share, firing.severity)],
    )
    return firing


def _stopped(scene: Scene, telling: Telling, firing: FiringAnswer) -> SwitchAnswer:
    """Show that the switch is the east's alone, that guards confirm it, and what answers there."""
    otto, scoring = scene.connected_as(OPERATOR), scene.require_scoring()
    switch = otto.switches.show(firing.switch or "")
    telling.expect(
        switch.scope == {"model": [MODEL], "region": [EAST]}, f"the switch stops {switch.scope}"
    )
    rows = scene.require_arrests().later
    late = traffic.case(rows, traffic.ASKED[EAST], key=traffic.new_key_of(0), in_months=True)
    scoring.await_status("blocked", late)
    east = scoring.score(_asked(scene, EAST, in_months=True))
    answered = datetime.now(UTC)
    telling.expect(east["status"] == "last_known_good", f"no answer from before: {east}")
    west = scoring.score(_asked(scene, WEST))
    telling.expect(west["status"] == "ok", f"west is not left alone: {west}")
    before = scene.require_remembered().answers[traffic.key_of(traffic.ASKED[EAST])]
    telling.expect(east["probability"] == round(before, 4), f"{east} was never answered before")
    made = answered - timedelta(seconds=east["age_s"])
    telling.expect(made < switch.lkg_before, f"the answer of {made} does not predate the drift")
    confirmed = _confirmed(scene, telling, switch)
    telling.sheet(
        ("region", "first asked", "status", "probability", "from"),
        [
            (EAST, "before", east["status"], _figure(east), f"{east['age_s']:.0f} s ago"),
            (EAST, "while it drifted", "blocked", "", ""),
            (WEST, "before", west["status"], _figure(west), "now"),
        ],
    )
    telling.say(
        "The switch is the east's alone. Whoever was answered there before the drift gets that answer, with its age."
        " What was answered during it is not served again. West goes on as ever."
    )
    telling.prove(
        f"{confirmed} guards confirmed the switch, and what stands in is older than the drift.",
        answers={EAST: east, WEST: west},
        lkg_before=switch.lkg_before.isoformat(),
        made=made.isoformat(),
        confirmed=confirmed,
    )
    return switch


def _confirmed(scene: Scene, telling: Telling, switch: SwitchAnswer) -> str:
    """Return how many guards confirmed, once all did. Raises TourFailed."""
    until = time.monotonic() + CONFIRM_S
    while time.monotonic() < until:
        found = scene.connected_as(OPERATOR).switches.confirmations(switch.id)
        if found.expected and found.confirmed == found.expected:
            return f"{found.confirmed} of {found.expected}"
        telling.wait(f"{found.confirmed} of {found.expected} guards confirmed")
        time.sleep(PAUSE_S)
    raise TourFailed(f"no guard confirmed {switch.id} within {CONFIRM_S} seconds")


def _let_go(scene: Scene, telling: Telling, switch: SwitchAnswer) -> None:
    """Ask for the release; its owner may not confirm, a second person may."""
    otto, mira, noor = (scene.connected_as(name) for name in (OPERATOR, OWNER, SECOND))
    otto.switches.request_release(switch.id, notes=FIXED, verification=LOOKED)
    telling.say(f"The form is put right, and otto asks for the release: “{LOOKED}”")
    telling.refused(
        lambda: mira.switches.confirm_release(switch.id, notes="It is my model, and it is fine."),
        who=OWNER,
        tried="confirms the release of her own model, on call as she is",
        rule="owner_release",
        instead="noor, who is on call too and owns nothing of it",
    )
    still = scene.require_scoring().score(_asked(scene, EAST))
    telling.expect(still["status"] == "last_known_good", f"east was let go too early: {still}")
    released = noor.switches.confirm_release(switch.id, notes="Read the ages of the last cases.")
    telling.expect(released.state == "released", f"two people left the switch {released.state}")
    again = scene.require_scoring().await_status("ok", _asked(scene, EAST))
    telling.sheet(
        ("asked by", "confirmed by", "switch", "east now"),
        [(OPERATOR, SECOND, released.state, f"{again['status']}, {_figure(again)}")],
    )
    telling.prove(released_by=SECOND, again=again)


def _asked(scene: Scene, region: str, *, in_months: bool = False) -> dict[str, Any]:
    """Return a case that was answered while all was well."""
    rows, at = scene.require_arrests().later, traffic.ASKED[region]
    return traffic.case(rows, at, key=traffic.key_of(at), in_months=in_months)


def _figure(answer: dict[str, Any]) -> str:
    return f"{answer['probability']:.3f}"


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // MINUTE_S
