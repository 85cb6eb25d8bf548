"""The policies that come with the program: basic, moderate, strict. Read from the package, never from the database.

Each edition is a folder of `presets/`, and a folder that was released never changes: requests pin its hashes.
"""

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
WRITTEN_AT: Final = (datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC))
"""When each edition was written, the first one first."""
PROGRAM: Final = "system:modelwarden"


def built_in() -> Mapping[str, PolicyVersion]:
    """Return the newest edition of each preset, by name."""
    return MappingProxyType({name: found[0] for name, found in editions().items()})


@cache
def editions() -> Mapping[str, tuple[PolicyVersion, ...]]:
    """Return every edition of each preset by name, newest first."""
    numbers = range(len(WRITTEN_AT), 0, -1)
    return MappingProxyType(
        {f"{BUILT_IN}{each}": tuple(_read(each, number) for number in numbers) for each in PRESETS}
    )


def preset_text(version: PolicyVersion) -> str:
    """Return an edition as it was written, with its comments."""
    folder = files("modelwarden.policies") / "presets" / str(version.version)
    return (folder / f"{version.name.removeprefix(BUILT_IN)}.yaml").read_text(encoding="utf-8")


def _read(preset: str, number: int) -> PolicyVersion:
    folder = files("modelwarden.policies") / "presets" / str(number)
    document = parse((folder / f"{preset}.yaml").read_text(encoding="utf-8"))
    name = PolicyName(document.name)
    return PolicyVersion(
        id=policy_version_id(name, number),
        name=name,
        version=number,
        hash=document.hash,
        document=document.text,
        published_by=ActorId(PROGRAM),
        published_person=PersonId(PROGRAM),
        published_at=WRITTEN_AT[number - 1],
    )
