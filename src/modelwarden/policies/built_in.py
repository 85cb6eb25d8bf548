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

EDITIONS: Final[Mapping[str, int]] = MappingProxyType({"basic": 2, "moderate": 2, "strict": 3})
"""How many editions there are of each: what did not change has no new one, which would void what it governs."""
PRESETS: Final = tuple(EDITIONS)
WRITTEN_AT: Final = tuple(datetime(2026, 11, day, tzinfo=UTC) for day in (20, 27, 28))
"""When the editions of each number were written, the first one first."""
PROGRAM: Final = "system:modelwarden"


def built_in() -> Mapping[str, PolicyVersion]:
    """Return the newest edition of each preset, by name."""
    return MappingProxyType({name: found[0] for name, found in editions().items()})


@cache
def editions() -> Mapping[str, tuple[PolicyVersion, ...]]:
    """Return every edition of each preset by name, newest first."""
    return MappingProxyType(
        {
            f"{BUILT_IN}{each}": tuple(_read(each, number) for number in range(newest, 0, -1))
            for each, newest in EDITIONS.items()
        }
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
