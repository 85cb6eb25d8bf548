"""One call on its way through a guard, and what is to happen with it (SG-25). Pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from modelwarden.guard.decision import Status
from modelwarden.guard.match import NOTHING, Match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.guard.drilling import Struck
    from modelwarden.guard.held import Held
    from modelwarden.guard.plan import Plan

    Values = tuple[object, ...]


class Verdict(Enum):
    """What is to happen with a call."""

    GO = 1
    FALL = 2
    BLOCK = 3
    LIMIT = 4
    DONE = 5


class Begun:
    """One call on its way. Its answer is `value`, with `status`, once the verdict is DONE."""

    __slots__ = (
        "args",
        "clipped_from",
        "entered",
        "function",
        "held",
        "key",
        "kwargs",
        "match",
        "plan",
        "reasons",
        "retry_s",
        "shadow",
        "started",
        "status",
        "struck",
        "ticket",
        "value",
        "values",
        "verdict",
        "version",
    )  # fmt: skip

    def __init__(self, held: Held, plan: Plan, args: Values, kwargs: Mapping[str, object]) -> None:
        self.held, self.plan = held, plan
        self.args, self.kwargs = args, kwargs
        self.verdict = Verdict.GO
        self.match: Match = NOTHING
        self.values: Values = ()
        self.key: object = None
        self.reasons: tuple[str, ...] = ()
        self.retry_s = 0.0
        self.started = 0.0
        self.ticket = 0
        self.entered = False
        self.function: Callable[..., Any] | None = None
        self.version: str | None = None
        self.shadow: str | None = None
        self.value: object = None
        self.status = Status.OK
        self.clipped_from: object = None
        self.struck: Struck | None = None
