"""The schema of a policy document, strict, and the rules that hold inside one document (POL-1, POL-5, POL-9). Pure.

This release knows approvals and rollout. Keys of the format that it could not enforce are refused, never ignored.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from modelwarden.errors import CheckUnknownType, PolicyInvalid
from modelwarden.policies.duration import duration
from modelwarden.policies.reading import Source, read
from modelwarden.policies.rollout import RollbackWhen, Rollout
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.severity.built_in import signals_classified
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import NAME, Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.values.ids import PersonId

SCHEMA: Final = "modelwarden.policy/v1"
BUILT_IN: Final = "builtin/"
POLICY_NAME: Final = re.compile(rf"({BUILT_IN})?{NAME.pattern}")
MOST_HUMANS: Final = 20
BARRED: Final = ("committer", "owner", "registrant", "requester", "trainer")
"""Who never fills a seat (RL-23). A policy can't take one out."""
VOIDING: Final = ("artifact", "datasets", "metrics")
"""What always voids an approval when it changes (RL-17)."""
NOT_YET: Final = frozenset(
    {
        "applies_to", "audit", "auto_approval", "extends", "frameworks", "monitoring", "overrides",
        "waivers",
    }
)  # fmt: skip
"""Keys of the format that this release can't enforce."""


def _check_group(group: str | None) -> None:
    if group is not None:
        raise ValueError("groups do not exist in this release; name a role or a person")


def _checked_duration(text: str) -> str:
    if not 0 < duration(text).total_seconds() <= duration("P365D").total_seconds():
        raise ValueError("longer than nothing and at most P365D")
    return text


Name = Annotated[str, StringConstraints(pattern=rf"^{NAME.pattern}$")]
Person = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$")]
Length = Annotated[str, AfterValidator(_checked_duration)]


class Shape(BaseModel):
    """A part of a document: strict, closed, fixed once read."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


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


class Approvals(Shape):
    """How many people answer, who, and what their answer is worth for how long."""

    humans: Annotated[int, Field(ge=0, le=MOST_HUMANS)]
    seats: Annotated[tuple[Seat, ...], Field(max_length=MOST_HUMANS)] = ()
    barred: tuple[Literal["committer", "owner", "registrant", "requester", "trainer"], ...] = BARRED
    void_on: tuple[Literal["artifact", "datasets", "metrics", "policy"], ...] = VOIDING
    expires_after: Length = "P30D"
    due: Length | None = None
    signature: Literal["personal", "any"] = "any"
    order: Literal["any"] = "any"
    rejection: Literal["any"] = "any"
    separate_deployer: bool = False

    @model_validator(mode="after")
    def _enough(self) -> Self:
        places = sum(seat.count for seat in self.seats)
        if self.humans < places:
            raise ValueError(f"humans is {self.humans}, but the seats take {places} people (POL-5)")
        return self


class Place(Shape):
    """What an environment replaces; the rest is as at the top level (POL-9)."""

    approvals: Approvals | None = None
    rollout: Rollout | None = None
    rollback_when: RollbackWhen | None = None


class Environments(Shape):
    """The environments that differ from production."""

    staging: Place = Place()


class SeverityRule(Shape):
    """How bad some signals are, above a value where one is named; of several the gravest counts (SG-51)."""

    signals: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    severity: Literal["SEV1", "SEV2", "SEV3", "SEV4"]
    above: Annotated[str, StringConstraints(pattern=r"^\d{1,9}(\.\d{1,9})?$")] | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = sorted(set(self.signals) - signals_classified())
        if unknown:
            raise ValueError(f"no signals {', '.join(unknown)}; see severity.toml")
        return self


Share = Annotated[int, Field(ge=0, le=10_000)]
Tiers = Annotated[tuple[Annotated[int, Field(ge=1, le=4)], ...], Field(max_length=4)]


class Severities(Shape):
    """How bad signals are, where that differs from the program's own rules.

    Rules of a signal stand instead of all that the program has for it. Shares are in basis points of the last hour.
    """

    rules: Annotated[tuple[SeverityRule, ...], Field(max_length=100)] = ()
    unknown: Literal["SEV1", "SEV2", "SEV3", "SEV4"] | None = None
    wide_share: Share | None = None
    small_share: Share | None = None
    highest_tiers: Tiers | None = None
    guarded_tiers: Tiers | None = None


class PolicyDocument(Shape):
    """A whole policy. The top level holds for production."""

    schema_: Annotated[Literal["modelwarden.policy/v1"], Field(alias="schema")]
    name: Annotated[str, StringConstraints(pattern=rf"^{POLICY_NAME.pattern}$")]
    owner: Name | None = None
    approvals: Approvals
    checks: Annotated[tuple[()], Field(max_length=0)] = ()
    rollout: Rollout = Rollout()
    rollback_when: RollbackWhen | None = None
    enforcement: Literal["block"] = "block"
    severity: Severities | None = None
    environments: Environments = Environments()

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if self.approvals.humans < 1:
            raise ValueError("production needs at least one human (POL-5)")
        staging = self.environments.staging.rollout
        if staging is not None and staging.needs.staging is not None:
            raise ValueError("staging can't wait for staging")
        return self

    def approvals_in(self, environment: Environment) -> Approvals:
        """Return the approvals that an environment asks for."""
        if environment is Environment.PRODUCTION:
            return self.approvals
        return self.environments.staging.approvals or self.approvals

    def rollout_in(self, environment: Environment) -> Rollout:
        """Return how a version goes live there."""
        if environment is Environment.PRODUCTION:
            return self.rollout
        return self.environments.staging.rollout or self.rollout.without_needs()

    def rollback_when_in(self, environment: Environment) -> RollbackWhen | None:
        """Return what takes a rollout back there."""
        if environment is Environment.PRODUCTION:
            return self.rollback_when
        return self.environments.staging.rollback_when or self.rollback_when

    @property
    def text(self) -> str:
        """Return the resolved document as canonical JSON: defaults written out (POL-2)."""
        whole = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        for part in _approvals_of(whole):
            part["barred"] = sorted({*BARRED, *part["barred"]})
            part["void_on"] = sorted({*VOIDING, *part["void_on"]})
        return encode_any(whole).decode()

    @property
    def hash(self) -> Digest:
        """Return the SHA-256 of the resolved document, which approvals and deployments name."""
        return Digest(sha256(self.text.encode()).hexdigest())


def parse(text: str) -> PolicyDocument:
    """Read a policy from YAML or JSON. Raises PolicyInvalid with every problem, CheckUnknownType."""
    source = read(text)
    tree = _known(source)
    _refuse_checks(tree)
    return _validated(tree, source)


def restored(text: str) -> PolicyDocument:
    """Return a document that was stored as `PolicyDocument.text`."""
    return PolicyDocument.model_validate_json(text)


def named_persons(document: PolicyDocument) -> frozenset[str]:
    """Return the handles and ids by which seats name people."""
    staging = document.environments.staging.approvals
    parts = (document.approvals,) if staging is None else (document.approvals, staging)
    seats = (seat for part in parts for seat in part.seats)
    return frozenset(choice.person for seat in seats for choice in seat.choices if choice.person)


def with_persons(document: PolicyDocument, persons: Mapping[str, PersonId]) -> PolicyDocument:
    """Return the document with people named by their random ids, since handles are personal data (LG-60).

    Raises PolicyInvalid when two names turn out to be one person's.
    """
    tree = json.loads(document.text)
    for part in _approvals_of(tree):
        for seat in part["seats"]:
            for choice in (seat, *seat.get("of", ())):
                if "person" in choice:
                    choice["person"] = persons[choice["person"]]
    return _validated(tree, Source())


def _validated(tree: object, source: Source) -> PolicyDocument:
    try:
        document = PolicyDocument.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            source.blame(problem["loc"], _message(problem["type"], problem["msg"]))
        raise PolicyInvalid(tuple(source.problems)) from error
    if source.problems:
        raise PolicyInvalid(tuple(source.problems))
    return document


def _known(source: Source) -> object:
    if not isinstance(source.tree, dict):
        raise PolicyInvalid(("line 1: a policy is a mapping of keys to values",))
    for key in sorted(NOT_YET & source.tree.keys()):
        source.blame((key,), "this release can't enforce it; leave it out")
    return {key: item for key, item in source.tree.items() if key not in NOT_YET}


def _refuse_checks(tree: object) -> None:
    checks = tree.get("checks") if isinstance(tree, dict) else None
    if isinstance(checks, list) and checks:
        kinds = sorted({str(c.get("type")) if isinstance(c, dict) else str(c) for c in checks})
        raise CheckUnknownType(
            f"no check types are installed yet; the policy names {', '.join(kinds)}"
        )


def _message(kind: str, words: str) -> str:
    if kind == "extra_forbidden":
        return "an unknown key, or one that this release can't enforce"
    return words.removeprefix("Value error, ")


def _approvals_of(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a resolved document that hold approvals, as they stand in its JSON."""
    staging = tree["environments"]["staging"]
    return [tree["approvals"], *([staging["approvals"]] if "approvals" in staging else [])]
