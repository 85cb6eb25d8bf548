"""A policy, its versions and what it is assigned to: the values that are kept. Pure (POL-2)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from modelwarden.errors import PolicyAssignedStill, PolicyIsRetired, PolicyNotFound
from modelwarden.policies.document import BUILT_IN, PolicyDocument, restored
from modelwarden.policies.governing import PolicyRef

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.policies.predicate import Condition
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import ActorId, Digest, ModelName, PersonId, PolicyName


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A named line of policy versions; the latest governs."""

    name: PolicyName
    created_by: ActorId
    created_at: datetime
    latest: int = 0
    retired_at: datetime | None = None
    revision: int = 0

    @property
    def is_built_in(self) -> bool:
        """Tell whether it comes with the program."""
        return self.name.startswith(BUILT_IN)

    def next(self) -> Policy:
        """Return this policy with one version more. Raises PolicyIsRetired."""
        self.require_usable()
        return dataclasses.replace(self, latest=self.latest + 1)

    def retire(self, *, assigned: bool, now: datetime) -> Policy:
        """Return this policy, retired. Raises PolicyIsRetired, PolicyAssignedStill."""
        self.require_usable()
        if assigned:
            raise PolicyAssignedStill(
                f"{self.name} governs something; assign another first, or publish it without applies_to"
            )
        return dataclasses.replace(self, retired_at=now)

    def require_usable(self) -> None:
        """Raise PolicyIsRetired if the policy is retired."""
        if self.retired_at is not None:
            raise PolicyIsRetired(f"policy {self.name} is retired; publish under another name")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One published document. It never changes.

    Attributes:
        id: `name@version`.
        document: the resolved document as canonical JSON; `hash` is its SHA-256.
    """

    id: str
    name: PolicyName
    version: int
    hash: Digest
    document: str
    published_by: ActorId
    published_person: PersonId
    published_at: datetime
    revision: int = 0

    @property
    def ref(self) -> PolicyRef:
        """Return what requests pin and approvers sign."""
        return PolicyRef(self.name, self.version, self.hash)

    @property
    def parsed(self) -> PolicyDocument:
        """Return the document as values."""
        return document_in(self.document)

    @property
    def scope(self) -> Condition | None:
        """Return what it says itself that it governs; read once for a text, as it is weighed at each gate."""
        return _scope(self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAssignment:
    """Which policy governs a model, a model in one environment, or whatever has none of its own.

    Attributes:
        id: what is governed: `churn`, `churn/staging`, `*`, `*/staging`.
    """

    id: str
    policy: PolicyName
    assigned_by: ActorId
    assigned_at: datetime
    model: ModelName | None = None
    environment: Environment | None = None
    revision: int = 0


@lru_cache(maxsize=512)
def document_in(text: str) -> PolicyDocument:
    """Return the document that a stored text says; read once, since a text never changes."""
    return restored(text)


@lru_cache(maxsize=512)
def _scope(text: str) -> Condition | None:
    return document_in(text).scope


def assignment_id(model: ModelName | None, environment: Environment | None) -> str:
    """Return the id of what is governed."""
    if model is None:
        return "*" if environment is None else f"*/{environment.value}"
    return model if environment is None else f"{model}/{environment.value}"


def policy_version_id(name: PolicyName, version: int) -> str:
    """Return the id of a version: `name@version`."""
    return f"{name}@{version}"


def split_reference(reference: str) -> tuple[str, int | None]:
    """Return name and version of `name` or `name@version`. Raises PolicyNotFound when that is no number."""
    name, at, number = reference.partition("@")
    if not at:
        return name, None
    if not (number.isascii() and number.isdigit() and len(number) <= 9):  # noqa: PLR2004  # fits 32 bits
        raise PolicyNotFound(reference)
    return name, int(number)
