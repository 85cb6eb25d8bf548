"""What a check came to, and what that means for a release (EVAL-3, EVAL-4). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.policies.check import BLOCK
from modelwarden.values.canonical import encode_any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.policies.check import Exhibit
    from modelwarden.policies.predicate import Seen


class Outcome(StrEnum):
    """How a check ended. `stale` and `error` count as unknown (EVAL-3)."""

    PASS = "pass"  # noqa: S105  # a word of the specification
    FAIL = "fail"
    UNKNOWN = "unknown"
    STALE = "stale"
    ERROR = "error"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"


UNKNOWN: Final = frozenset({Outcome.UNKNOWN, Outcome.STALE, Outcome.ERROR})


class Finding(NamedTuple):
    """What a check type found, before age, severity and waivers are looked at."""

    outcome: Outcome
    atoms: tuple[Seen, ...] = ()
    used: tuple[Exhibit, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One check, evaluated.

    Attributes:
        policy: `name@version` of the policy that wants it.
        effect: what it does if it does not pass: `block`, `warn` or `info`.
        atoms: what decided: subject, operator, limit, and the value that was there.
        evidence: ids of what was read.
        next: what to do, where something is to be done.
        underlying: of a waived check, what it came to.
        waiver: of a waived check, the request that gave leave.
    """

    policy: str
    check: str
    type: str
    outcome: Outcome
    effect: str
    atoms: tuple[Seen, ...] = ()
    evidence: tuple[str, ...] = ()
    next: str = ""
    underlying: Outcome | None = None
    waiver: str | None = None

    @property
    def is_unknown(self) -> bool:
        """Tell whether there was too little to say."""
        return self.outcome in UNKNOWN

    @property
    def fails(self) -> bool:
        """Tell whether it stops a release by failing."""
        return self.outcome is Outcome.FAIL and self.effect == BLOCK

    @property
    def blocks(self) -> bool:
        """Tell whether it stops a release, by failing or for want of evidence (EVAL-4)."""
        return self.effect == BLOCK and (self.outcome is Outcome.FAIL or self.is_unknown)

    @property
    def name(self) -> str:
        """Return which check of which policy it is."""
        return f"{self.policy}/{self.check}"


def results_text(results: Iterable[Result]) -> str:
    """Return results as canonical JSON, in the order of policy and check: the same results, the same bytes."""
    return encode_any(
        [
            {
                "policy": each.policy,
                "check": each.check,
                "type": each.type,
                "outcome": each.outcome.value,
                "effect": each.effect,
                "atoms": [
                    {key: item for key, item in atom._asdict().items() if item is not None}
                    for atom in each.atoms
                ],
                "evidence": list(each.evidence),
                "next": each.next,
                **(
                    {}
                    if each.underlying is None
                    else {"underlying": each.underlying.value, "waiver": each.waiver}
                ),
            }
            for each in sorted(results, key=lambda each: (each.policy, each.check))
        ]
    ).decode()
