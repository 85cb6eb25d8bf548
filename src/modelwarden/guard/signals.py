"""What a guard tells of its calls as signals: too many clipped answers, the same answer always, too many bad inputs.

(SG-35, SG-36, SG-45.) Numbers alone; what they mean for a model is judged where they arrive.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.guard.watch import CLIP_ALARM, STUCK, StuckWatch
from modelwarden.guard.window import Window
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modelwarden.guard.place import Place
    from modelwarden.guard.site import Site

BAD_INPUTS: Final = 0.05
"""More inputs than this that do not look as they have to, in five minutes, are a signal."""

APART: Final = 0.10
"""More answers than this on which the members of an ensemble lie apart, in five minutes, are a signal (SG-45)."""
LOOKS: Final = 20
"""Calls that are looked at closely between two reports, and of so many that took the short way one is."""
ONE_IN: Final = 10

CLIP_RATE: Final = "clip_rate"
STUCK_OUTPUT: Final = "stuck_output"
INPUTS: Final = "bad_inputs"
DISAGREEMENT: Final = "disagreement"


class Seen(NamedTuple):
    """A signal now: among how many calls, and how large it is."""

    n: int
    value: float


class Watches:
    """What many calls at one place show. Any thread may use it.

    Attributes:
        looks: so many calls are still to take the whole way.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self.inputs: Final = Window(clock=clock)
        self.agreed: Final = Window(clock=clock)
        self.stuck: Final = StuckWatch()
        self.looks = 0
        self._looked: Callable[[], None] | None = None
        self._seen_short = 0

    def look_at(self, site: Site) -> None:
        """Let the next calls take the whole way, where answers are watched, if many took the short one since.

        For the thread that reports; so a model that is stuck shows although the short way looks at no answer twice.
        """
        short = site.place.short
        if self.looks or short - self._seen_short < LOOKS * ONE_IN:
            return
        self._seen_short = short
        self.looks, self._looked = LOOKS, site.replan
        site.replan()

    def saw_input(self, *, bad: bool) -> None:
        """Count an input that was judged."""
        self.inputs.count(hits=int(bad))

    def saw(self, args: tuple[object, ...], kwargs: Mapping[str, object], output: object) -> None:
        """Take in what an input was answered with, if that is a number that varies."""
        if self.looks > 0:
            self.looks = max(0, self.looks - 1)
            if not self.looks and self._looked is not None:
                self._looked()
        if not isinstance(output, float):
            return
        # What it was answered with is told apart first: a hash of an input costs more.
        given = fingerprint(args, kwargs) if output == self.stuck.output else 0
        if given is not None:
            self.stuck.saw(given, float(output))

    def after_fork(self) -> None:
        """Make the watches usable in a forked child."""
        self.inputs.after_fork()
        self.agreed.after_fork()
        self.stuck.after_fork()


class Signals:
    """Since when each signal of a guard stands. For the thread that reports."""

    def __init__(self, *, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._since: dict[str, float] = {}

    def now(self, places: Iterable[Place]) -> list[dict[str, object]]:
        """Return the signals that stand now; of several places the worst."""
        found: dict[str, Seen] = {}
        for place in places:
            for name, seen in seen_at(place):
                if name not in found or seen.value > found[name].value:
                    found[name] = seen
        self._since = {name: self._since.get(name, self._wall()) for name in found}
        return [
            {
                "signal": name,
                "since": timestamp(datetime.fromtimestamp(self._since[name], UTC)),
                "n": seen.n,
                "value": round(seen.value, 6),
            }
            for name, seen in sorted(found.items())
        ]


def seen_at(place: Place) -> Iterable[tuple[str, Seen]]:
    """Yield the signals of one place."""
    clips = place.clips_now().share
    if clips.above(CLIP_ALARM):
        yield CLIP_RATE, Seen(clips.calls, clips.hits / clips.calls)
    if place.watches.stuck.is_stuck:
        yield STUCK_OUTPUT, Seen(STUCK, 1.0)
    agreed = place.watches.agreed.share()
    if agreed.above(APART):
        yield DISAGREEMENT, Seen(agreed.calls, agreed.hits / agreed.calls)
    inputs = place.watches.inputs.share()
    if inputs.above(BAD_INPUTS):
        yield INPUTS, Seen(inputs.calls, inputs.hits / inputs.calls)


def fingerprint(args: tuple[object, ...], kwargs: Mapping[str, object]) -> int | None:
    """Return a hash of a call's input, the same for the same; None where that can't be told."""
    try:
        return hash((tuple(map(_hashed, args)), tuple(_hashed(kwargs[name]) for name in kwargs)))
    except Exception:  # noqa: BLE001 - a host's own type may raise anything
        return None


def _hashed(value: object) -> object:
    if isinstance(value, dict):
        return tuple((name, _hashed(one)) for name, one in value.items())
    if isinstance(value, list | tuple):
        return tuple(map(_hashed, value))
    tobytes = getattr(value, "tobytes", None)
    return value if tobytes is None else tobytes()
