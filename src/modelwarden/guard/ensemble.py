"""How far the members of an ensemble disagree, for one answer or a batch of them (SG-45). Pure.

Members that failed (None, an exception, no finite number) are left out. Fewer than two that are left, or weights that
leave none with a say, count as over the limit: nobody is there to disagree.

- `spread`: the largest answer minus the least.
- `std`: the weighted standard deviation of the answers.
- `vote_entropy`: of the weighted votes for labels, divided by that of all members voting differently: 0 to 1.

Numbers join as their weighted mean; votes as the label with most weight, of equals the one that sorts first.
"""

from __future__ import annotations

import math
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard import columns
from modelwarden.guard.checks import is_numpy, is_real

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class Metric(StrEnum):
    """How disagreement is measured."""

    SPREAD = "spread"
    STD = "std"
    VOTE_ENTROPY = "vote_entropy"


class Agreement(NamedTuple):
    """What an ensemble says.

    Attributes:
        value: the joined answer; None with fewer than two members.
        score: the metric; None likewise.
        over: the limit is passed, or cannot be judged: fall back.
        left_out: the names of members that failed.
    """

    value: object
    score: float | None
    over: bool
    left_out: tuple[str, ...]


class BatchAgreement(NamedTuple):
    """The same for each row.

    Attributes:
        values: float64, or objects for votes.
        scores: NaN where unknown.
        over: booleans.
        members: how many each row had.
    """

    values: NDArray[Any]
    scores: NDArray[Any]
    over: NDArray[Any]
    members: NDArray[Any]


class Ensemble:
    """A limit for disagreement, compiled once.

    Args:
        limit: what is above it is over. Raises ValueInvalid where it is no finite number of at least 0.
        metric: one of `Metric`.
        weights: by member, finite and at least 0; members without one weigh 1, members of weight 0 are not asked.
    """

    def __init__(
        self,
        *,
        limit: float,
        metric: Metric | str = Metric.SPREAD,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        try:
            self.metric: Final = Metric(metric)
        except ValueError as error:
            raise ValueInvalid("metric", " or ".join(Metric)) from error
        if not _is_weight(limit):
            raise ValueInvalid("limit", "a finite number, at least 0")
        for name, weight in (weights or {}).items():
            if not _is_weight(weight):
                raise ValueInvalid(f"weights.{name}", "a finite number, at least 0")
        self.limit: Final = float(limit)
        self._weights: Final = dict(weights or {})

    def judge(self, answers: Mapping[str, object]) -> Agreement:
        """Join one answer of each member."""
        votes = self.metric is Metric.VOTE_ENTROPY
        usable = _is_vote if votes else _is_finite
        asked = {n: a for n, a in answers.items() if self._weight(n) > 0}
        left_out = tuple(name for name, answer in asked.items() if not usable(answer))
        members = [(answer, self._weight(n)) for n, answer in asked.items() if n not in left_out]
        if len(members) < 2:  # noqa: PLR2004
            return Agreement(None, None, over=True, left_out=left_out)
        value, score = _votes(members) if votes else self._numbers(members)
        return Agreement(value, score, not score <= self.limit, left_out)

    def judge_batch(self, answers: Mapping[str, Any]) -> BatchAgreement:
        """Join a column of answers of each member, row by row.

        A member whose column has another number of rows than most is left out whole. Raises ValueInvalid without any.
        """
        asked = {name: column for name, column in answers.items() if self._weight(name) > 0}
        sizes = [columns.size(column) for column in asked.values()]
        if not sizes:
            raise ValueInvalid("answers", "at least one member of some weight")
        rows = max(set(sizes), key=lambda size: (sizes.count(size), size))
        whole = {n: c for (n, c), size in zip(asked.items(), sizes, strict=True) if size == rows}
        weights = [self._weight(name) for name in whole]
        if self.metric is Metric.VOTE_ENTROPY:
            return self._vote_rows(whole, rows)
        return self._number_rows([_floats(column) for column in whole.values()], weights)

    def _weight(self, name: str) -> float:
        return self._weights.get(name, 1.0)

    def _numbers(self, members: Sequence[tuple[Any, float]]) -> tuple[float, float]:
        heaviest = max(weight for _, weight in members)
        shares = [weight / heaviest for _, weight in members]  # so that no sum of weights overflows
        numbers = [float(answer) for answer, _ in members]
        total = math.fsum(shares)
        mean = math.fsum(x * (w / total) for x, w in zip(numbers, shares, strict=True))
        if self.metric is Metric.SPREAD:
            return mean, max(numbers) - min(numbers)
        apart = max(abs(x - mean) for x in numbers)
        if not 0 < apart < math.inf:
            return mean, apart
        squares = (
            ((x - mean) / apart) ** 2 * (w / total) for x, w in zip(numbers, shares, strict=True)
        )
        return mean, apart * math.sqrt(math.fsum(squares))

    def _number_rows(self, members: list[NDArray[Any]], weights: list[float]) -> BatchAgreement:
        numpy = sys.modules["numpy"]
        table = numpy.vstack(members)
        there = numpy.isfinite(table)
        count = there.sum(axis=0)
        shares = (numpy.array(weights) / max(weights))[:, None] * there
        with numpy.errstate(all="ignore"):
            shares = shares / shares.sum(axis=0)
            known = numpy.where(there, table, 0.0)
            mean = (known * shares).sum(axis=0)
            if self.metric is Metric.SPREAD:
                top = numpy.where(there, table, -math.inf).max(axis=0)
                score = top - numpy.where(there, table, math.inf).min(axis=0)
            else:
                off = numpy.where(there, table - mean, 0.0)
                apart = numpy.abs(off).max(axis=0)
                score = numpy.sqrt(((off / apart) ** 2 * shares).sum(axis=0)) * apart
                score = numpy.where(apart == 0, 0.0, score)
        few = count < 2  # noqa: PLR2004
        mean[few] = score[few] = math.nan
        return BatchAgreement(mean, score, ~(score <= self.limit), count)

    def _vote_rows(self, whole: Mapping[str, Any], rows: int) -> BatchAgreement:
        numpy = sys.modules.get("numpy") or columns.load_numpy()
        cells = [columns.rows(column) for column in whole.values()]
        found = [self.judge(dict(zip(whole, row, strict=True))) for row in zip(*cells, strict=True)]
        values = numpy.empty(rows, object)
        values[:] = [one.value for one in found]
        scores = [math.nan if one.score is None else one.score for one in found]
        members = [len(whole) - len(one.left_out) for one in found]
        return BatchAgreement(
            values,
            numpy.array(scores, "float64"),
            numpy.array([one.over for one in found], bool),
            numpy.array(members, "int64"),
        )


def _is_weight(weight: object) -> bool:
    return type(weight) in {int, float} and 0 <= weight < math.inf  # type: ignore[operator]


def _is_finite(answer: Any) -> bool:
    if not is_real(answer):
        return False
    try:
        return math.isfinite(answer)
    except OverflowError:
        return False


def _is_vote(answer: Any) -> bool:
    plain = answer.item() if is_numpy(answer) else answer
    return isinstance(plain, str | int | bool)


def _votes(members: Sequence[tuple[Any, float]]) -> tuple[object, float]:
    heaviest = max(weight for _, weight in members)
    held: dict[tuple[str, str], float] = {}
    labels: dict[tuple[str, str], object] = {}
    for answer, weight in members:
        plain = answer.item() if is_numpy(answer) else answer
        at = (type(plain).__name__, str(plain))
        held[at] = held.get(at, 0.0) + weight / heaviest
        labels.setdefault(at, plain)
    total = math.fsum(held.values())
    parts = [part for share in held.values() if (part := share / total) > 0]
    entropy = -math.fsum(part * math.log(part) for part in parts) / math.log(len(members))
    winner = min(held, key=lambda at: (-held[at], at))
    return labels[winner], max(0.0, entropy)


def _floats(column: Any) -> NDArray[Any]:
    """Return a member's column as float64, NaN for what is no finite number."""
    numpy = sys.modules.get("numpy") or columns.load_numpy()
    found = columns.numbers(column)
    if found is None:
        cells = [float(cell) if _is_finite(cell) else math.nan for cell in columns.rows(column)]
        return numpy.array(cells, "float64")  # type: ignore[no-any-return]
    plain = found.array.astype("float64")
    if found.nulls is not None:
        plain[found.nulls] = math.nan
    return plain
