"""The webhook target that a policy names: told of each step, and waited for (RL-40). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator

from modelwarden.policies.duration import duration
from modelwarden.policies.shape import Name, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_TARGETS: Final = 5
LONGEST_WAIT: Final = "PT10M"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A webhook endpoint that has to say, within so many seconds of each step, which bytes it serves by."""

    endpoint: str
    within_s: int


def _checked_wait(text: str) -> str:
    if not 0 < duration(text).total_seconds() <= duration(LONGEST_WAIT).total_seconds():
        raise ValueError(f"longer than nothing and at most {LONGEST_WAIT}")
    return text


Wait = Annotated[str, AfterValidator(_checked_wait)]


class TargetPart(Shape):
    """A webhook endpoint, by its name, and how long it may take to acknowledge a step."""

    endpoint: Name
    within: Wait | None = None

    @property
    def value(self) -> Target:
        """Return the target that it names."""
        return target(self.endpoint, self.within)


def target(endpoint: str, within: str | None = None) -> Target:
    """Return a target with the longest wait unless another is named."""
    seconds = int(duration(within or LONGEST_WAIT).total_seconds())
    return Target(endpoint=endpoint, within_s=seconds)


def joined_targets(several: Iterable[Target]) -> tuple[Target, ...]:
    """Return each endpoint once, with the shortest wait that anybody names for it, in the order of their names."""
    shortest: dict[str, int] = {}
    for one in several:
        shortest[one.endpoint] = min(shortest.get(one.endpoint, one.within_s), one.within_s)
    return tuple(Target(endpoint=name, within_s=shortest[name]) for name in sorted(shortest))
