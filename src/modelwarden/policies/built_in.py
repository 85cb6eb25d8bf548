"""The policies that come with the program: basic, moderate, strict. Read from the package, never from the database."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.policies.document import BUILT_IN, parse
from modelwarden.policies.policy import PolicyVersion, policy_version_id
from modelwarden.values.ids import ActorId, PersonId, PolicyName

if TYPE_CHECKING:
    from collections.abc import Mapping

PRESETS: Final = ("basic", "moderate", "strict")
WRITTEN_AT: Final = datetime(2026, 11, 20, tzinfo=UTC)
PROGRAM: Final = "system:modelwarden"


@cache
def built_in() -> Mapping[str, PolicyVersion]:
    """Return the presets by name. Changing one is a new version of the preset, since its hash is signed."""
    return MappingProxyType({f"{BUILT_IN}{preset}": _read(preset) for preset in PRESETS})


def _read(preset: str) -> PolicyVersion:
    folder = files("modelwarden.policies") / "presets"
    document = parse((folder / f"{preset}.yaml").read_text(encoding="utf-8"))
    name = PolicyName(document.name)
    return PolicyVersion(
        id=policy_version_id(name, 1),
        name=name,
        version=1,
        hash=document.hash,
        document=document.text,
        published_by=ActorId(PROGRAM),
        published_person=PersonId(PROGRAM),
        published_at=WRITTEN_AT,
    )
