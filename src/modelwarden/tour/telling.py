"""What a step of the tour tells and proves, as values: a screen draws them, a program reads them. Draws nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from modelwarden.errors import TourFailed, WardenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Words(NamedTuple):
    """A paragraph."""

    text: str


class Sheet(NamedTuple):
    """A small table; the first column names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Refused(NamedTuple):
    """Something that somebody tried, and that was refused by a rule.

    `entry` is where the ledger holds the refusal; None for a call that was mistaken rather than forbidden.
    """

    who: str
    tried: str
    rule: str
    instead: str
    entry: int | None


class Proven(NamedTuple):
    """Something that was checked and held."""

    text: str


class Typed(NamedTuple):
    """A command that the step ran, as a person would type it."""

    command: str


Block: TypeAlias = Words | Sheet | Refused | Proven | Typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step as it ended. `entries` are the numbers of what the ledger took in meanwhile."""

    name: str
    ok: bool
    entries: tuple[int, ...]
    evidence: Mapping[str, Any]
    seconds: float

    def plain(self) -> dict[str, Any]:
        """Return the step as JSON has it."""
        return asdict(self)


def _to_nobody(_what: str) -> None:
    """Tell nobody what is waited for."""


class Telling:
    """What one step tells, while it runs."""

    def __init__(self, waits: Callable[[str], None] = _to_nobody) -> None:
        self._waits = waits
        self.blocks: Final[list[Block]] = []
        self.evidence: Final[dict[str, Any]] = {}

    def say(self, text: str) -> None:
        """Tell a paragraph."""
        self.blocks.append(Words(text))

    def sheet(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""
        self.blocks.append(Sheet(tuple(columns), tuple(tuple(row) for row in rows)))

    def wait(self, what: str) -> None:
        """Say at once what is waited for, where somebody watches; it is no part of what is told."""
        self._waits(what)

    def typed(self, command: str) -> None:
        """Show a command that was run."""
        self.blocks.append(Typed(command))

    def prove(self, text: str = "", **evidence: object) -> None:
        """Keep what was found, and say that it holds."""
        self.evidence.update(evidence)
        if text:
            self.blocks.append(Proven(text))

    def expect(self, holds: object, otherwise: str) -> None:
        """Go on only if it holds. Raises TourFailed."""
        if not holds:
            raise TourFailed(otherwise)

    def refused(
        self, attempt: Callable[[], object], *, who: str, tried: str, rule: str, instead: str
    ) -> None:
        """Try something that has to be refused by that rule, and show the refusal.

        Raises TourFailed when it was allowed, or refused for another reason.
        """
        try:
            attempt()
        except WardenError as error:
            rules = (error.code, *getattr(error, "reasons", ()))
            self.expect(rule in rules, f"{who} {tried}: {error.code} ({error}), not {rule}")
            entry: int | None = getattr(error, "entry", None)
            self.blocks.append(Refused(who, tried, rule, instead, entry))
            found = {"who": who, "tried": tried, "rule": rule, "code": error.code, "entry": entry}
            self.evidence.setdefault("refused", []).append(found)
            return
        raise TourFailed(f"{who} {tried}, and was not refused")
