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

PRESETS: Final = MappingProxyType({"basic": 1, "moderate": 1, "strict": 2})
"""The latest version of each. An earlier one stays beside it as `NAME@VERSION.yaml`: requests and policies pin it."""
WRITTEN_AT: Final = datetime(2026, 11, 20, tzinfo=UTC)
PROGRAM: Final = "system:modelwarden"


@cache
def built_in() -> Mapping[str, PolicyVersion]:
    """Return the latest version of each preset by name. Changing one is a new version, since its hash is signed."""
    return MappingProxyType({f"{BUILT_IN}{preset}": _versions(preset)[0] for preset in PRESETS})


def built_in_versions(name: str) -> tuple[PolicyVersion, ...]:
    """Return the versions of a preset, newest first; nothing where it is none."""
    preset = name.removeprefix(BUILT_IN)
    return _versions(preset) if name.startswith(BUILT_IN) and preset in PRESETS else ()


@cache
def _versions(preset: str) -> tuple[PolicyVersion, ...]:
    latest = PRESETS[preset]
    return tuple(_read(preset, number, latest=latest) for number in range(latest, 0, -1))


def _read(preset: str, number: int, *, latest: int) -> PolicyVersion:
    folder = files("modelwarden.policies") / "presets"
    file = f"{preset}.yaml" if number == latest else f"{preset}@{number}.yaml"
    document = parse((folder / file).read_text(encoding="utf-8"))
    name = PolicyName(document.name)
    return PolicyVersion(
        id=policy_version_id(name, number),
        name=name,
        version=number,
        hash=document.hash,
        document=document.text,
        published_by=ActorId(PROGRAM),
        published_person=PersonId(PROGRAM),
        published_at=WRITTEN_AT,
    )
