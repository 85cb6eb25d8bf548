"""What a verification found: problems by code and entry, and what it could not check (LG-30)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.ledger.merkle import Frontier

BY_HOLDER: Final = frozenset({"rolled_back", "sink_differs", "split_view"})
"""Codes of which each holder of something else has a word of its own, though it be about one entry."""
MAX_PROBLEMS: Final = 1_000
"""So many problems are kept; all are counted."""


class Problem(NamedTuple):
    """One thing that is wrong: a code of section 6, the entry it names, a sentence."""

    code: str
    seq: int
    detail: str


class Findings:
    """The problems of one run, as they are found: the first thousand, and the count of all."""

    __slots__ = ("count", "problems")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.count = 0

    def add(self, code: str, seq: int, detail: str) -> None:
        """Note a problem."""
        self.count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(code, seq, detail))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a verification; true if nothing is wrong.

    `size` is the number after the last entry read, `root` its tree's root if all leaves were known;
    `entry_hash`, `leaf` and `frontier` are those at the end, for the steps that go on from there.
    What `not_checked` lists is neither right nor wrong.
    """

    first: int
    size: int
    root: bytes | None = None
    signer: str | None = None
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    warnings: tuple[Problem, ...] = ()
    not_checked: tuple[str, ...] = ()
    uncovered: int = 0
    seconds: float = field(default=0.0, compare=False)
    entry_hash: bytes | None = field(default=None, compare=False, repr=False)
    leaf: bytes | None = field(default=None, compare=False, repr=False)
    frontier: Frontier | None = field(default=None, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether no problem was found."""
        return self.problem_count == 0

    @property
    def last(self) -> int:
        """The last entry read; `first - 1` if there was none."""
        return self.size - 1

    def __bool__(self) -> bool:
        return self.ok

    def adding(
        self,
        problems: Iterable[Problem] = (),
        *,
        count: int = 0,
        warnings: Iterable[Problem] = (),
        not_checked: Iterable[str] = (),
        signer: str | None = None,
    ) -> Result:
        """Return this result with what other steps found, without repeating a code and entry.

        `count` is how many problems those steps counted, if more than they kept.
        """
        given = tuple(problems)
        known = set(map(_named, self.problems))
        new = [problem for problem in given if _named(problem) not in known]
        return replace(
            self,
            problems=(*self.problems, *new)[:MAX_PROBLEMS],
            problem_count=self.problem_count + len(new) + max(0, count - len(given)),
            warnings=(*self.warnings, *warnings)[:MAX_PROBLEMS],
            not_checked=(*self.not_checked, *not_checked),
            signer=signer or self.signer,
        )


def _named(problem: Problem) -> tuple[str, int, str]:
    """Return what tells a problem from another."""
    return problem.code, problem.seq, problem.detail if problem.code in BY_HOLDER else ""
