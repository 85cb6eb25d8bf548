"""What a policy lets pass: waivers that its people sign (EVAL-5), and a seat that it fills by itself (RL-42). Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelwarden.policies.seats import MOST_HUMANS, Seat
from modelwarden.policies.shape import Length, Name, Shape


class Waivers(Shape):
    """Checks of the policy may be waived, one at a time, for so long at most, by these people."""

    max: Length
    seats: Annotated[tuple[Seat, ...], Field(min_length=1, max_length=MOST_HUMANS)]


class Passing(Shape):
    """One check of the policy, which has to pass."""

    check: Name


class When(Shape):
    """Checks that all have to pass."""

    all: Annotated[tuple[Passing, ...], Field(min_length=1, max_length=16)]


class AutoApproval(Shape):
    """The policy fills one seat while its checks pass, and never counts as a human (RL-42, RL-43)."""

    enabled: bool = False
    seat: Name
    when: When
