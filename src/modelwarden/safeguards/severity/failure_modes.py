"""Ways in which models fail, and whether anything would notice. Pure, but for reading the catalogue once (SG-46)."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.guard.faults import FaultKind
from modelwarden.safeguards.switch import SwitchSeverity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

BUILT_IN: Final = "built_in."
NOTICED: Final = frozenset(
    BUILT_IN + name
    for name in (
        "artifact_mismatch", "undeployed_version", "bad_snapshots", "breaker_fleet", "unconfirmed_switch",
        "silent_guards", "clock_behind", "void_approval",
    )
)  # fmt: skip
"""What the program itself notices; a mode whose only detector stands not here is uncovered, and says so."""


UNHEARD: Final = frozenset({BUILT_IN + "void_approval"})
"""What is noticed without hearing of any guard."""


class FailureMode(NamedTuple):
    """One way to fail: why, what would notice, how bad it is, what to do, and the fault of a drill that proves it."""

    name: str
    cause: str
    detectors: tuple[str, ...]
    severity: SwitchSeverity
    action: str
    runbook: str
    proving_fault: str | None

    @property
    def drillable(self) -> str | None:
        """The fault without its size, where it is one that a drill can make."""
        word = (self.proving_fault or "").partition(":")[0]
        return word if word in set(FaultKind) else None


class Coverage(NamedTuple):
    """A way to fail, and what is on against it for one model; none is red."""

    mode: FailureMode
    on: tuple[str, ...]
    last_drilled: datetime | None

    @property
    def state(self) -> str:
        """Return `covered`, or `uncovered`."""
        return "covered" if self.on else "uncovered"


@cache
def failure_modes() -> tuple[FailureMode, ...]:
    """Return the catalogue, in its order."""
    folder = files("modelwarden.safeguards.severity")
    found = tomllib.loads((folder / "failure_modes.toml").read_text(encoding="utf-8"))
    return tuple(
        FailureMode(
            name=each["name"],
            cause=each["cause"],
            detectors=tuple(each["detectors"]),
            severity=SwitchSeverity(each["severity"]),
            action=each["action"],
            runbook=each["runbook"],
            proving_fault=each.get("proving_fault"),
        )
        for each in found["mode"]
    )


def coverage(
    signals: AbstractSet[str], *, is_heard: bool, drilled: Mapping[str, datetime]
) -> list[Coverage]:
    """Return what is on against each way to fail.

    Args:
        signals: what triggers of the model judge in force, not only tried out.
        is_heard: guards of the model are heard of, so that what the program itself notices is on.
        drilled: fault, without its size → when it was last made to happen.
    """
    return [
        Coverage(
            mode,
            tuple(
                each
                for each in mode.detectors
                if each in signals or each in UNHEARD or (is_heard and each in NOTICED)
            ),
            None if mode.drillable is None else drilled.get(mode.drillable),
        )
        for mode in failure_modes()
    ]
