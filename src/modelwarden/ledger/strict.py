"""The strict reading of bodies (step 11 of section 6): form, types, revisions, order of time.

It reads every body and remembers the newest revision of every object, so it costs more than the
walk over hashes: memory grows with the number of objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.errors import NotCanonical
from modelwarden.ledger.result import Findings, Result
from modelwarden.values.canonical import encode, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from modelwarden.ledger.verify import Row


CARRIED: Final = "objects.carried"


class StrictReading:
    """Reads bodies on their way: give `verify` the batches of `watch`, then ask `added_to`."""

    def __init__(self, known_types: Collection[str], *, first: int = 0) -> None:
        self._known_types = known_types
        self._from_start = first == 0
        self._revisions: dict[tuple[object, object], int] = {}
        self._follows = not self._from_start
        self._newest_at = ""
        self._findings = Findings()
        self._warnings = Findings()

    def watch(self, batches: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
        """Pass the batches on, reading them."""
        for batch in batches:
            for seq, body, _, _ in batch:
                if seq >= 0:
                    self._read(seq, body)
            yield batch

    def added_to(self, result: Result) -> Result:
        """Return the result with what was found here."""
        return result.adding(
            self._findings.problems,
            count=self._findings.count,
            warnings=self._warnings.problems,
        )

    def _read(self, seq: int, body: bytes) -> None:
        try:
            value = parse(body)
            canonical = encode(value) == body
        except NotCanonical as error:
            self._findings.add("entry_not_canonical", seq, str(error))
            return
        if not canonical or not isinstance(value, dict):
            self._findings.add("entry_not_canonical", seq, "the body is not canonical JSON")
            return
        kind = value.get("type")
        if seq == 0 and isinstance(value.get("fact"), dict):
            self._follows = "predecessor" in value["fact"]
        if not isinstance(kind, str) or kind not in self._known_types:
            self._findings.add("entry_not_canonical", seq, "the type of the fact is not known")
        self._compare_time(seq, value.get("at"))
        objects = value.get("objects", [])
        if not isinstance(objects, list):
            self._findings.add("entry_not_canonical", seq, "its objects are no list")
            return
        for moved in objects:
            self._compare_revision(seq, moved, carried=kind == CARRIED)

    def _compare_time(self, seq: int, at: object) -> None:
        if not isinstance(at, str):
            self._findings.add("entry_not_canonical", seq, "the body has no time")
            return
        if at < self._newest_at:  # one text form everywhere, so text order is time order
            self._warnings.add("clock_stepped", seq, "the time stepped back")
        self._newest_at = max(at, self._newest_at)

    def _compare_revision(self, seq: int, moved: object, *, carried: bool) -> None:
        match moved:
            case {"kind": str(kind), "id": str(object_id), "rev": int(revision)} if (
                type(revision) is int
            ):
                key = (kind, object_id)
                begins = carried and self._follows  # in the middle of its life, once (LG-47)
                unseen = 0 if self._from_start and not begins else revision - 1
                expected = self._revisions.get(key, unseen) + 1
                if revision != expected:
                    detail = f"{kind} {object_id} moves to revision {revision}, not {expected}"
                    self._findings.add("revision_gap", seq, detail)
                self._revisions[key] = revision
            case _:
                self._findings.add("entry_not_canonical", seq, "an object has no kind, id and rev")
