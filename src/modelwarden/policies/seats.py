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
    """Who may fill a seat: a role, a person by handle or id, or a group; a group beside one of them from `due` on."""

    role: Name | None = None
    person: Person | None = None
    group: Name | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.role is not None and self.person is not None:
            raise ValueError("name one role or one person, not both")
        if self.role is None and self.person is None and self.group is None:
            raise ValueError("name a role, a person or a group")
        return self

    @property
    def hands_over(self) -> bool:
        """Tell whether a group may fill it once an answer is due (RL-19)."""
        return self.group is not None and (self.role is not None or self.person is not None)


class Seat(Shape):
    """A role, person or group that has to answer, or a quorum: `any` people out of `of`."""

    role: Name | None = None
    person: Person | None = None
    group: Name | None = None
    any: Annotated[int, Field(ge=1, le=MOST_HUMANS)] | None = None
    of: Annotated[tuple[Choice, ...], Field(max_length=MOST_HUMANS)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        named = (self.role is not None) + (self.person is not None)
        alone = named == 1 or (named == 0 and self.group is not None)
        quorum = named == 0 and self.group is None and self.of is not None
        if not (alone or quorum) or (alone and self.of is not None):
            raise ValueError("a seat is one role, person or group, or a quorum {any: n, of: […]}")
        if (self.any is None) != (self.of is None):
            raise ValueError("a seat is one role, person or group, or a quorum {any: n, of: […]}")
        if self.of == ():
            raise ValueError("`of` names nobody")
        if len(set(self.choices)) != len(self.choices):
            raise ValueError("`of` names the same role, person or group twice")
        people = all(choice.person and not choice.group for choice in self.choices)
        if people and self.count > len(self.choices):
            raise ValueError("the quorum takes more people than `of` names")
        return self

    @property
    def count(self) -> int:
        """Return how many people it takes."""
        return self.any or 1

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Return who may fill it."""
        return self.of or (Choice(role=self.role, person=self.person, group=self.group),)


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
    on_timeout: Literal["expire", "reject"] | None = None
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
        late = any(choice.hands_over for seat in self.seats for choice in seat.choices)
        if late and self.due is None:
            raise ValueError(
                "a group beside a role or person takes over at `due`: say when (RL-19)"
            )
        return self
