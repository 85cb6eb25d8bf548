"""Who answers for a release: seats, quorums, and what an answer is worth for how long (POL-5). Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from modelwarden.policies.shape import Length, Name, Person, Shape

MOST_HUMANS: Final = 20
BARRED: Final = ("committer", "owner", "registrant", "requester", "trainer")
"""Who never fills a seat (RL-23). A policy can't take one out."""
VOIDING: Final = ("artifact", "datasets", "metrics")
"""What always voids an approval when it changes (RL-17)."""


class Choice(Shape):
    """Who may fill a seat: one role or one person, by handle or id."""

    role: Name | None = None
    person: Person | None = None
    group: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _check_group(self.group)
        if (self.role is None) == (self.person is None):
            raise ValueError("name one role or one person")
        return self


class Seat(Shape):
    """A role or person that has to answer, or a quorum: `any` people out of `of`."""

    role: Name | None = None
    person: Person | None = None
    group: str | None = None
    any: Annotated[int, Field(ge=1, le=MOST_HUMANS)] | None = None
    of: Annotated[tuple[Choice, ...], Field(max_length=MOST_HUMANS)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        _check_group(self.group)
        named = (self.role is not None) + (self.person is not None) + (self.of is not None)
        if named != 1 or (self.any is None) != (self.of is None):
            raise ValueError("a seat is one role or person, or a quorum {any: n, of: […]}")
        if self.of == ():
            raise ValueError("`of` names nobody")
        if len(set(self.choices)) != len(self.choices):
            raise ValueError("`of` names the same role or person twice")
        if all(choice.person for choice in self.choices) and self.count > len(self.choices):
            raise ValueError("the quorum takes more people than `of` names")
        return self

    @property
    def count(self) -> int:
        """Return how many people it takes."""
        return self.any or 1

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Return who may fill it."""
        return self.of or (Choice(role=self.role, person=self.person),)


class External(Shape):
    """In which other systems of record somebody has to have agreed, too."""

    github: Literal["required", "unused"] = "unused"
    servicenow: Literal["required", "unused"] = "unused"

    @property
    def required(self) -> frozenset[str]:
        """Return the systems that are required, by name."""
        return frozenset(name for name, use in self if use == "required")


class Emergency(Shape):
    """What an emergency change takes beyond its reason (RL-44)."""

    second_person: bool = False


class Approvals(Shape):
    """How many people answer, who, and what their answer is worth for how long."""

    humans: Annotated[int, Field(ge=0, le=MOST_HUMANS)]
    seats: Annotated[tuple[Seat, ...], Field(max_length=MOST_HUMANS)] = ()
    barred: tuple[Literal["committer", "owner", "registrant", "requester", "trainer"], ...] = BARRED
    void_on: tuple[Literal["artifact", "datasets", "metrics", "policy"], ...] = VOIDING
    expires_after: Length = "P30D"
    due: Length | None = None
    signature: Literal["personal", "any"] = "any"
    request_when: Literal["no_block", "any"] | None = None
    order: Literal["any", "sequential"] = "any"
    rejection: Literal["any", "all_seats"] = "any"
    separate_deployer: bool = False
    external: External | None = None
    emergency: Emergency | None = None

    @property
    def second_person(self) -> bool:
        """Tell whether one other human signs before an emergency change is made."""
        return self.emergency is not None and self.emergency.second_person

    @property
    def systems(self) -> frozenset[str]:
        """Return the other systems of record in which somebody has to have agreed."""
        return frozenset() if self.external is None else self.external.required

    @model_validator(mode="after")
    def _enough(self) -> Self:
        places = sum(seat.count for seat in self.seats)
        if self.humans < places:
            raise ValueError(f"humans is {self.humans}, but the seats take {places} people (POL-5)")
        return self


def _check_group(group: str | None) -> None:
    if group is not None:
        raise ValueError("groups do not exist in this release; name a role or a person")
