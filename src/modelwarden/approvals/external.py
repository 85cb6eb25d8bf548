"""What another system of record says about a release: who agreed there, and how it stands (RL-33, RL-34). Pure.

Sources are registered by their system's name where the Warden is wired. They read before the transaction; the gate
weighs what they found as a value, and what could not be read denies.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, Protocol

from modelwarden.errors import WardenError
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import ModelName, PersonId, RequestId, VersionName

State = Literal["passed", "missing", "changes_requested", "unreadable"]

FRESH_EVIDENCE: Final = timedelta(seconds=60)
"""How old evidence may be at the gate (RL-34)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one account said in another system, and whether it counts.

    Attributes:
        account: its immutable id there; empty where the system no longer says whose it was.
        person: whom the identity map knows behind it.
        said: in the other system's own word, as `approved`.
        why: it counts, or does not.
    """

    account: str
    person: PersonId | None
    said: str
    counts: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEvidence:
    """How a release stands in another system.

    Attributes:
        system: its name, as policies say it: `github`, `servicenow`.
        url: where a person finds it.
        sha256: of the raw answer.
        persons: who agreed there and counts, by the identity map.
        parties: who made there what is to be released, and so fills no seat here (RL-23).
        why: what was found, in words for whoever is refused; no personal data.
        voices: what each said there, for people who look at it; the gate weighs none of it.
    """

    system: str
    url: str
    sha256: Digest
    seen_at: datetime
    state: State
    persons: frozenset[PersonId]
    why: str
    parties: frozenset[PersonId] = frozenset()
    voices: tuple[Voice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a source is asked about: a version on its way to an environment, and the request for it, if any."""

    system: str
    environment: Environment
    model: ModelName
    version: VersionName
    request: RequestId | None


class Source(Protocol):
    """A system of record that can be read."""

    def evidence(self, asked: Asked) -> ExternalEvidence:
        """Return how a release stands there now; slow. Raises ExternalUnreadable."""
        ...


def read(asked: Asked, sources: Mapping[str, Source], *, at: datetime) -> ExternalEvidence:
    """Return what the source says; `unreadable`, and why, where it is down or not set up."""
    source = sources.get(asked.system)
    if source is None:
        return unreadable(asked.system, f"{asked.system} is not set up here", at=at)
    try:
        return source.evidence(asked)
    except WardenError as error:
        return unreadable(asked.system, str(error), at=at)


def unreadable(system: str, why: str, *, at: datetime) -> ExternalEvidence:
    """Return that nothing could be read."""
    return ExternalEvidence(
        system=system,
        url="",
        sha256=Digest(hashlib.sha256().hexdigest()),
        seen_at=at,
        state="unreadable",
        persons=frozenset(),
        why=why,
    )
