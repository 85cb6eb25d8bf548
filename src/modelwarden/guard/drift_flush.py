"""Drift counts on their way from a guard to the server: a value, its bytes, and which were heard before (SG-49).

Pure. Counts add up in any order to the same. A flush has a sequence number in the life of one guard; heard again it
must not be added again, which `Received` tells. No row and no value of a feature is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from modelwarden.errors import DriftInvalid
from modelwarden.guard import fields
from modelwarden.guard.drift import MAX_TEXT, FrozenEdges
from modelwarden.values import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_BYTES: Final = 65_536
MAX_BY: Final = 32
MAX_BEYOND: Final = 64
SCHEMA: Final = 1

Key: TypeAlias = tuple[str | None, str]
"""A value of `by`, or None for all that have no own count, and a feature."""

_FLUSH: Final = frozenset({"schema", "instance", "sequence", "minute", "edges", "counts"})
_ENTRY: Final = frozenset({"by", "feature", "cells"})
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class DriftCounts:
    """Counts by `by` and feature, among the edges of one digest; keys are sorted. Raises DriftInvalid."""

    edges_sha256: str
    cells: tuple[tuple[Key, tuple[int, ...]], ...] = ()

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.edges_sha256):
            raise DriftInvalid("edges", "64 lower-case hex digits")
        keys = [_place(key) for key, _ in self.cells]
        if keys != sorted(set(keys)):
            raise DriftInvalid(
                "counts", "different pairs of by and feature, sorted, those without by last"
            )
        for (by, feature), cells in self.cells:
            if not 0 < len(feature) <= MAX_TEXT or len(by or "") > MAX_TEXT:
                raise DriftInvalid("counts", f"names of at most {MAX_TEXT} characters")
            if not cells:
                raise DriftInvalid("cells", "at least one count")
            for count in cells:
                fields.whole(DriftInvalid, "cells", count)

    @classmethod
    def of(cls, edges_sha256: str, cells: Mapping[Key, Sequence[int]]) -> DriftCounts:
        """Return counts whose keys may come in any order."""
        return cls(
            edges_sha256, tuple((key, tuple(cells[key])) for key in sorted(cells, key=_place))
        )

    def check(self, edges: FrozenEdges) -> None:
        """Raise DriftInvalid unless these are counts among those edges."""
        known = {name: feature.cells for name, feature in edges.features}
        if self.edges_sha256 != edges.sha256:
            raise DriftInvalid("edges", "the digest of the version's edges")
        for (_, feature), cells in self.cells:
            if len(cells) != known.get(feature):
                raise DriftInvalid("cells", f"{known.get(feature, 'no')} counts of {feature}")

    def added(self, other: DriftCounts) -> DriftCounts:
        """Return both together. Raises DriftInvalid for other edges or over 2^53 - 1."""
        if self.edges_sha256 != other.edges_sha256:
            raise DriftInvalid("edges", "the same edges")
        together = dict(self.cells)
        for key, cells in other.cells:
            before = together.get(key, (0,) * len(cells))
            if len(before) != len(cells):
                raise DriftInvalid("cells", f"{len(before)} counts of {key[1]}")
            together[key] = tuple(a + b for a, b in zip(before, cells, strict=True))
        return DriftCounts.of(self.edges_sha256, together)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFlush:
    """What one guard counted since its last flush. Raises DriftInvalid.

    Attributes:
        instance: the running guard: 16 hex digits, another after each start and fork.
        sequence: 1, 2, 3, … in its life.
        minute: whole minutes since 1970, UTC, of the flush.
    """

    instance: str
    sequence: int
    minute: int
    counts: DriftCounts

    def __post_init__(self) -> None:
        fields.instance(DriftInvalid, self.instance)
        fields.whole(DriftInvalid, "sequence", self.sequence, least=1)
        fields.whole(DriftInvalid, "minute", self.minute, most=fields.LAST_MINUTE)
        if len({by for (by, _), _ in self.counts.cells if by is not None}) > MAX_BY:
            raise DriftInvalid("by", f"at most {MAX_BY} values")

    def encode(self) -> bytes:
        """Return the flush's canonical bytes (RFC 8785)."""
        return canonical.encode_any(
            {
                "schema": SCHEMA,
                "instance": self.instance,
                "sequence": self.sequence,
                "minute": fields.minute_text(self.minute),
                "edges": self.counts.edges_sha256,
                "counts": [
                    {"by": by, "feature": feature, "cells": list(cells)}
                    for (by, feature), cells in self.counts.cells
                ],
            }
        )


def read(data: bytes) -> DriftFlush:
    """Read a flush strictly. Raises DriftInvalid."""
    return read_parsed(fields.document(DriftInvalid, "flush", data, _FLUSH, max_bytes=MAX_BYTES))


def read_parsed(value: object) -> DriftFlush:
    """Read a flush that was JSON. Raises DriftInvalid."""
    found = fields.members(DriftInvalid, "flush", value, _FLUSH)
    fields.whole(DriftInvalid, "schema", found["schema"], least=SCHEMA, most=SCHEMA)
    counts = fields.items(DriftInvalid, "counts", found["counts"])
    return DriftFlush(
        instance=fields.instance(DriftInvalid, found["instance"]),
        sequence=fields.whole(DriftInvalid, "sequence", found["sequence"]),
        minute=fields.minute(DriftInvalid, found["minute"]),
        counts=DriftCounts(
            fields.text(DriftInvalid, "edges", found["edges"]), tuple(map(_entry, counts))
        ),
    )


@dataclass(frozen=True, slots=True)
class Received:
    """Which sequence numbers of one guard were heard: all up to one, and some beyond it.

    A gap is waited for until 64 later ones were heard; then it is given up, and what comes late is taken for a repeat.
    """

    up_to: int = 0
    beyond: frozenset[int] = frozenset()

    def after(self, sequence: int) -> Received | None:
        """Return what is known once this number is heard, too; None says that it was heard before."""
        if sequence <= self.up_to or sequence in self.beyond:
            return None
        beyond, up_to = self.beyond | {sequence}, self.up_to
        if len(beyond) > MAX_BEYOND:
            up_to = min(beyond)
        while up_to + 1 in beyond:
            up_to += 1
        return Received(up_to, frozenset(number for number in beyond if number > up_to))


def split(counts: DriftCounts, *, room: int = MAX_BYTES - 512) -> Iterator[DriftCounts]:
    """Yield counts that together are these, each small enough for one flush."""
    cells: list[tuple[Key, tuple[int, ...]]] = []
    size = 0
    for entry in counts.cells:
        (by, feature), numbers = entry
        length = (
            len(canonical.encode_any([by, feature, list(numbers)])) + 40
        )  # with the names of its fields
        if cells and size + length > room:
            yield DriftCounts(counts.edges_sha256, tuple(cells))
            cells, size = [], 0
        cells.append(entry)
        size += length
    if cells:
        yield DriftCounts(counts.edges_sha256, tuple(cells))


def _place(key: Key) -> tuple[bool, str, str]:
    by, feature = key
    return (by is None, by or "", feature)


def _entry(value: object) -> tuple[Key, tuple[int, ...]]:
    found = fields.members(DriftInvalid, "counts", value, _ENTRY)
    by, cells = found["by"], fields.items(DriftInvalid, "cells", found["cells"])
    return (
        None if by is None else fields.text(DriftInvalid, "by", by),
        fields.text(DriftInvalid, "feature", found["feature"]),
    ), tuple(fields.whole(DriftInvalid, "cells", count) for count in cells)
