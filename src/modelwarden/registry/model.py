"""A model: a named line of work with an owner and a business purpose, and the rules for both. Pure (RL-1)."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.errors import (
    ModelIsRetired,
    NameReserved,
    OwnerFixed,
    OwnerMissing,
    PurposeMissing,
    PurposeTooLong,
    PurposeTooShort,
    ValueInvalid,
)
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import MODEL_NAME, TAG

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import ActorId, Commitment, ModelName, PolicyName

RESERVED: Final = frozenset(
    {
        "accept", "aliases", "approve", "builtin", "card", "checks", "compare", "create", "deploy",
        "evidence", "export", "gate", "history", "lineage", "live", "metrics", "owner", "register",
        "reject", "report", "request-approval", "retire", "rollback", "versions", "violations",
    }
)  # fmt: skip
"""Words of the routes; a model or label of that name would hide one (interfaces.md)."""

TIERS: Final = range(1, 5)
"""Risk tiers, highest risk first."""

DEFAULT_TIER: Final = 3
SHORTEST_PURPOSE: Final = 20
LONGEST_PURPOSE: Final = 2_000
MOST_TAGS: Final = 32
KIND_WORDS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+:/()-]{0,127}")
"""How a kind of model or an algorithm is called: a name, not a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A named line of work.

    Attributes:
        owner_confirmed: somebody named the owner, instead of leaving it to the default.
        purpose_confirmed: the purpose was given as such, not seeded by a version's description.
        former_owners: (actor, until) pairs, oldest first; duties look back at them (RL-23).
        policy: the policy assigned to the model as a whole, for readers; `policies.assign` keeps it.
        requested: an approval was asked for; the owner now changes by request alone.
    """

    name: ModelName
    owner: ActorId
    registered_by: ActorId
    registered_at: datetime
    type: str = ""
    purpose: Commitment | None = None
    purpose_confirmed: bool = False
    owner_confirmed: bool = False
    former_owners: tuple[tuple[str, str], ...] = ()
    risk_tier: int = DEFAULT_TIER
    team: str = ""
    tags: tuple[str, ...] = ()
    policy: PolicyName | None = None
    requested: bool = False
    retired_at: datetime | None = None
    replacement: ModelName | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check the form of every open word. Raises NameReserved, ValueInvalid."""
        check_name(self.name)
        if self.type and not KIND_WORDS.fullmatch(self.type):
            raise ValueInvalid("type", "at most 128 letters, digits, spaces or . _ + : / ( ) -")
        if self.risk_tier not in TIERS:
            raise ValueInvalid("risk_tier", "a whole number from 1 (highest) to 4")
        if self.team and not TAG.fullmatch(self.team):
            raise ValueInvalid("team", f"text that matches {TAG.pattern}")
        if len(self.tags) > MOST_TAGS or not all(TAG.fullmatch(tag) for tag in self.tags):
            raise ValueInvalid("tags", f"at most {MOST_TAGS} words that match {TAG.pattern}")

    def owned_by(self, owner: ActorId, *, now: datetime) -> Model:
        """Return this model with its owner named. Raises OwnerFixed once a request was made."""
        if owner == self.owner:
            return dataclasses.replace(self, owner_confirmed=True)
        if self.requested:
            raise OwnerFixed(
                f"{self.name} had a request; a new owner needs an owner_change request"
            )
        return dataclasses.replace(
            self,
            owner=owner,
            owner_confirmed=True,
            former_owners=(*self.former_owners, (self.owner, timestamp(now))),
        )

    def with_purpose(self, purpose: Commitment) -> Model:
        """Return this model with its purpose given."""
        return dataclasses.replace(self, purpose=purpose, purpose_confirmed=True)

    def owners_since(self, moment: datetime) -> frozenset[str]:
        """Return every actor that owned the model at that moment or later (RL-23)."""
        since = timestamp(moment)
        return frozenset(
            {self.owner, *(actor for actor, until in self.former_owners if until >= since)}
        )

    def require_usable(self) -> None:
        """Raise ModelIsRetired if the model is retired."""
        if self.retired_at is not None:
            raise ModelIsRetired(
                f"model {self.name} is retired; register a new one, or a replacement"
            )

    def require_confirmed(self) -> None:
        """Raise OwnerMissing or PurposeMissing: what the first request wants to know (RL-1)."""
        if not self.owner_confirmed:
            raise OwnerMissing(f"confirm who owns {self.name}: update the model with its owner")
        if self.purpose is None or not self.purpose_confirmed:
            raise PurposeMissing(f"confirm what {self.name} is for: update its business_purpose")

    def retire(self, *, replacement: ModelName | None, now: datetime) -> Model:
        """Return this model, retired. Raises ModelIsRetired, ValueInvalid."""
        self.require_usable()
        if replacement == self.name:
            raise ValueInvalid("replacement", "another model, or none")
        return dataclasses.replace(self, retired_at=now, replacement=replacement)


def check_name(name: str) -> None:
    """Refuse a model name that has not its form, or that a route needs. Raises ValueInvalid, NameReserved."""
    if not MODEL_NAME.fullmatch(name):
        raise ValueInvalid("name", f"text that matches {MODEL_NAME.pattern}")
    if name in RESERVED:
        raise NameReserved(f"{name!r} is a word of the interface; choose another name")


def check_purpose(words: str) -> str:
    """Return a business purpose without outer white space. Raises PurposeTooShort, PurposeTooLong."""
    words = words.strip()
    if len(words) < SHORTEST_PURPOSE:
        raise PurposeTooShort(
            f"say in at least {SHORTEST_PURPOSE} characters what the model is for; {len(words)} came"
        )
    if len(words) > LONGEST_PURPOSE:
        raise PurposeTooLong(f"at most {LONGEST_PURPOSE:,} characters; {len(words):,} came")
    return words


def is_purpose(words: str) -> bool:
    """Tell whether a version's description can seed the purpose of its model."""
    return SHORTEST_PURPOSE <= len(words.strip()) <= LONGEST_PURPOSE
