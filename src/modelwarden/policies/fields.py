"""What a predicate may ask of the registry, and of what sort each answer is (EVAL-2). Pure.

The list is closed: a name that is not here is a mistake in the policy, found when it is read. A name that is here
and has no value for a model is *unknown*, never false.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Sort(StrEnum):
    """What a field holds."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    WORDS = "words"
    TIME = "time"


OF_MODEL: Final[Mapping[str, Sort]] = MappingProxyType(
    {
        "environment": Sort.TEXT,
        "model.name": Sort.TEXT,
        "model.type": Sort.TEXT,
        "model.team": Sort.TEXT,
        "model.tags": Sort.WORDS,
        "model.risk_tier": Sort.NUMBER,
        "model.registered_at": Sort.TIME,
        "model.owner_confirmed": Sort.FLAG,
        "model.purpose_confirmed": Sort.FLAG,
        "risk.eu_class": Sort.TEXT,
    }
)
"""What `applies_to` may ask. Nothing fills `risk.eu_class` yet, so that whoever asks for it governs (POL-6)."""

OF_VERSION: Final[Mapping[str, Sort]] = MappingProxyType(
    {
        **OF_MODEL,
        "version.algorithm": Sort.TEXT,
        "version.artifact_kind": Sort.TEXT,
        "version.created_at": Sort.TIME,
        "version.feature_version": Sort.TEXT,
        "version.label": Sort.TEXT,
        "version.run": Sort.TEXT,
        "version.size_bytes": Sort.NUMBER,
        "version.snapshot": Sort.TEXT,
        "version.source_commit": Sort.TEXT,
        "version.trust": Sort.TEXT,
    }
)
"""What a check of type `field` may ask."""
