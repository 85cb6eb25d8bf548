"""What only many answers show: too many clipped, or always the same one (SG-35). Pure but for its clock.

`clean` is called for each good answer and adds to a plain integer; it takes the window's lock once in 64 calls. Answers
that were clipped are counted at once, as they are what raises an alarm.

Labels are not watched for being stuck: where one class is rare, two hundred times the other is what is true.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.guard.window import Share, Window

if TYPE_CHECKING:
    from collections.abc import Callable

CLIP_ALARM: Final = 0.01
CLIP_FAILURE: Final = 0.05
STUCK: Final = 200
"""So many different inputs with one and the same output."""
_TOGETHER: Final = 64


class Clips(NamedTuple):
    """How a window of clipped answers stands.

    Attributes:
        alarm: more than 1 % were clipped.
        failure: more than 5 %: each further clipped answer is a failure for the breaker.
    """

    share: Share
    alarm: bool
    failure: bool


class ClipWatch:
    """Counts answers, and the clipped ones among them, over five minutes."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._window = Window(clock=clock)
        self._clean = 0

    def clean(self) -> None:
        """Count one answer that was clean."""
        self._clean += 1
        if self._clean >= _TOGETHER:
            self.count(0)

    def add(self, calls: int, *, clipped: int = 0) -> None:
        """Count many answers, without a look at how the window stands."""
        waiting, self._clean = self._clean, 0
        self._window.add(calls + waiting, hits=clipped)

    def count(self, calls: int = 1, *, clipped: int = 0) -> Clips:
        """Count answers, `clipped` of them clipped, and return how the window stands."""
        waiting, self._clean = self._clean, 0
        return self._judge(self._window.count(calls + waiting, hits=clipped))

    def clips(self) -> Clips:
        """Return how the window stands now."""
        return self.count(0)

    @staticmethod
    def _judge(share: Share) -> Clips:
        return Clips(share, share.above(CLIP_ALARM), share.above(CLIP_FAILURE))

    def after_fork(self) -> None:
        """Make the watch usable in a forked child."""
        self._window.after_fork()


class StuckWatch:
    """Sees that an output stays the same while inputs differ (`stuck_output`)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._output: object = None
        self._inputs: set[int] = set()

    @property
    def output(self) -> object:
        """What was answered last."""
        return self._output

    @property
    def is_stuck(self) -> bool:
        """Say whether the last output came for 200 different inputs, with no other between."""
        return len(self._inputs) >= STUCK

    def saw(self, given: int, output: float) -> bool:
        """Take in an output, before any clipping, and a hash of its input; return whether it is stuck.

        Different hashes are different inputs. Keeps at most 200 of them.
        """
        if output != self._output:
            with self._lock:
                self._output = output
                self._inputs = {given}
            return False
        if len(self._inputs) < STUCK:
            with self._lock:
                if output == self._output:
                    self._inputs.add(given)
        return self.is_stuck

    def saw_batch(self, given: list[int], outputs: list[float]) -> bool:
        """Take in a batch, in its order; return whether the output is stuck at its end."""
        last = outputs[-1] if outputs else self._output
        first = next((i + 1 for i in range(len(outputs) - 1, -1, -1) if outputs[i] != last), 0)
        if first:  # another value stands before: what was seen earlier says nothing
            with self._lock:
                self._output = last
                self._inputs = set()
        for one, output in zip(given[first:], outputs[first:], strict=True):
            if self.saw(one, output) and self.is_stuck:
                break
        return self.is_stuck

    def after_fork(self) -> None:
        """Make the watch usable in a forked child."""
        self._lock = Lock()
