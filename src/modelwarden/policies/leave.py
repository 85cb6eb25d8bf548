"""What a policy lets people give leave from: how long a waiver may last, and who signs it (EVAL-5). Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelwarden.policies.seats import MOST_HUMANS, Seat
from modelwarden.policies.shape import Length, Shape


class Waivers(Shape):
    """Checks of the policy may be waived, one at a time, for so long at most, by these people."""

    max: Length
    seats: Annotated[tuple[Seat, ...], Field(min_length=1, max_length=MOST_HUMANS)]
