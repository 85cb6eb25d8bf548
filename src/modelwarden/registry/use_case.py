"""A use case: a business purpose with an owner, an impact level and affected systems, that uses models. Pure (RL-8).

What approvers sign is everything said of it; any change of that takes the approval away (RL-9).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import (
    IllegalMove,
    NameReserved,
    OwnerFixed,
    UseCaseIncomplete,
    UseCaseIsDeprecated,
    ValueInvalid,
)
from modelwarden.values.ids import MODEL_NAME, TAG

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        ModelName,
        PersonId,
        RequestId,
        UseCaseName,
    )

RESERVED: Final = frozenset({"create"})
"""Words of the routes (interfaces.md)."""
MOST_LINKS: Final = 64
"""Models, and affected systems, of one use case."""
MOST_AUTHORS: Final = 256


class Impact(StrEnum):
    """How much harm a wrong answer does."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


TIER: Final[Mapping[Impact, int]] = MappingProxyType(
    {Impact.CRITICAL: 1, Impact.HIGH: 2, Impact.MEDIUM: 3, Impact.LOW: 4}
)
"""The tier that policies see at most (RL-10, RISK-4)."""

PEOPLE: Final[Mapping[Impact, int]] = MappingProxyType(
    {Impact.CRITICAL: 3, Impact.HIGH: 2, Impact.MEDIUM: 1, Impact.LOW: 1}
)
"""How many people have to agree at least, whatever the policy says (RL-9)."""


class UseCaseState(StrEnum):
    """`draft → submitted → approved | rejected → deployed → deprecated` (product.md, "Lifecycles")."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    DEPLOYED = "deployed"
    DEPRECATED = "deprecated"


_S = UseCaseState
MOVES: Final[Mapping[UseCaseState, frozenset[UseCaseState]]] = MappingProxyType(
    {
        _S.DRAFT: frozenset({_S.SUBMITTED, _S.DEPRECATED}),
        _S.SUBMITTED: frozenset({_S.APPROVED, _S.REJECTED, _S.DRAFT, _S.DEPRECATED}),
        _S.APPROVED: frozenset({_S.DEPLOYED, _S.DRAFT, _S.DEPRECATED}),
        _S.REJECTED: frozenset({_S.SUBMITTED, _S.DRAFT, _S.DEPRECATED}),
        _S.DEPLOYED: frozenset({_S.DEPLOYED, _S.DRAFT, _S.DEPRECATED}),
    }
)
"""It falls back to draft when what was signed changes, or the question ends without an answer."""

ASKED: Final = frozenset({_S.SUBMITTED, _S.APPROVED, _S.DEPLOYED})
"""States in which its request, open or approved, has a say."""
AGREED: Final = frozenset({_S.APPROVED, _S.DEPLOYED})

SIGNED: Final = (
    "title", "description", "models", "impact", "systems", "input_schema", "output_schema",
)  # fmt: skip
"""What approvers sign: a change of any of these takes the approval away (RL-9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCase:
    """A business purpose that models serve.

    Attributes:
        owner: the person who stands in duties, also where a group owns it.
        owner_group: the group that owns it, or nothing.
        authors: everyone who wrote what approvers sign; none of them may approve it.
        input_schema, output_schema: JSON, as erasable text.
        live_in: environments that it was deployed to.
        request: the newest question about it.
        stopped_at: when calls that carry it began to be refused, after it was deprecated (RL-11).
    """

    name: UseCaseName
    owner: ActorId
    created_by: ActorId
    created_at: datetime
    authors: tuple[PersonId, ...]
    owner_group: str = ""
    title: Commitment | None = None
    description: Commitment | None = None
    models: tuple[ModelName, ...] = ()
    impact: Impact | None = None
    systems: tuple[str, ...] = ()
    input_schema: Commitment | None = None
    output_schema: Commitment | None = None
    state: UseCaseState = UseCaseState.DRAFT
    live_in: tuple[str, ...] = ()
    request: RequestId | None = None
    deprecated_at: datetime | None = None
    replacement: UseCaseName | None = None
    sunset_at: datetime | None = None
    stopped_at: datetime | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check the form of every open word. Raises NameReserved, ValueInvalid."""
        if not MODEL_NAME.fullmatch(self.name):
            raise ValueInvalid("usecase", f"text that matches {MODEL_NAME.pattern}")
        if self.name in RESERVED:
            raise NameReserved(f"{self.name!r} is a word of the interface; choose another name")
        if self.owner_group and not TAG.fullmatch(self.owner_group):
            raise ValueInvalid("owner", f"a person, or a group that matches {TAG.pattern}")
        if len(self.systems) > MOST_LINKS or not all(TAG.fullmatch(s) for s in self.systems):
            raise ValueInvalid(
                "affected_systems", f"at most {MOST_LINKS} words that match {TAG.pattern}"
            )
        if len(self.models) > MOST_LINKS:
            raise ValueInvalid("models", f"at most {MOST_LINKS} models")

    def require_usable(self) -> None:
        """Raise UseCaseIsDeprecated if it ended."""
        if self.state is UseCaseState.DEPRECATED:
            instead = f"; use {self.replacement}" if self.replacement else ""
            raise UseCaseIsDeprecated(f"use case {self.name} is deprecated{instead}")

    def require_complete(self) -> None:
        """Raise UseCaseIncomplete, naming all that `submit` wants (RL-8)."""
        wanted = {
            "name": self.title,
            "description": self.description,
            "models": self.models,
            "input_schema": self.input_schema,
            "output_schema": self.output_schema,
            "impact_level": self.impact,
            "affected_systems": self.systems,
        }
        missing = [field for field, value in wanted.items() if not value]
        if missing:
            raise UseCaseIncomplete(f"use case {self.name} lacks {', '.join(missing)}; update it")

    def content(self) -> dict[str, str | list[str] | None]:
        """Return what approvers sign, words by their commitments."""
        return {
            "use_case": self.name,
            "owner": self.owner,
            "owner_group": self.owner_group,
            "title": self.title,
            "description": self.description,
            "models": list(self.models),
            "impact": None if self.impact is None else self.impact.value,
            "systems": list(self.systems),
            "input_schema": self.input_schema,
            "output_schema": self.output_schema,
        }

    def owned_by(self, owner: ActorId, group: str) -> UseCase:
        """Return it with this owner. Raises OwnerFixed once a question was asked."""
        if (owner, group) == (self.owner, self.owner_group):
            return self
        if self.request is not None:
            raise OwnerFixed(f"{self.name} was submitted; its owner stays")
        return dataclasses.replace(self, owner=owner, owner_group=group)

    def edited(self, before: UseCase, by: PersonId) -> UseCase:
        """Return it as somebody changed it: what was signed and changed is signed no more (RL-9)."""
        if all(getattr(self, field) == getattr(before, field) for field in SIGNED):
            return self
        authors = tuple(sorted({*self.authors, by}))
        if len(authors) > MOST_AUTHORS:
            raise ValueInvalid("usecase", f"at most {MOST_AUTHORS} authors; create a new one")
        return dataclasses.replace(self, authors=authors, state=UseCaseState.DRAFT, live_in=())

    def submitted(self, request: RequestId) -> UseCase:
        """Return it, asked about. Raises IllegalMove."""
        return dataclasses.replace(self._moved(UseCaseState.SUBMITTED), request=request)

    def answered(self, to: UseCaseState) -> UseCase:
        """Return it as its request ended. Raises IllegalMove."""
        after = self._moved(to)
        return dataclasses.replace(after, live_in=()) if to is UseCaseState.DRAFT else after

    def deployed(self, environment: Environment) -> UseCase:
        """Return it, in use in an environment. Raises IllegalMove."""
        places = tuple(sorted({*self.live_in, environment.value}))
        return dataclasses.replace(self._moved(UseCaseState.DEPLOYED), live_in=places)

    def deprecate(
        self, *, replacement: UseCaseName | None, sunset_at: datetime | None, now: datetime
    ) -> UseCase:
        """Return it, ended. Raises UseCaseIsDeprecated, ValueInvalid."""
        self.require_usable()
        if replacement == self.name:
            raise ValueInvalid("replacement", "another use case, or none")
        return dataclasses.replace(
            self._moved(UseCaseState.DEPRECATED),
            deprecated_at=now,
            replacement=replacement,
            sunset_at=sunset_at,
        )

    def _moved(self, to: UseCaseState) -> UseCase:
        if to not in MOVES.get(self.state, frozenset()):
            raise IllegalMove("use case", self.state, to)
        return dataclasses.replace(self, state=to)
