"""Whether a dataset is as fresh, as much and of the form that was agreed: pass, warn, fail or unknown. Pure (SG-44)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.values.canonical import digest
from modelwarden.values.ids import NAME, Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.values.ids import ActorId, DatasetName

SKEW: Final = timedelta(seconds=30)
LONGEST_S: Final = 366 * 86_400
MOST_ROWS: Final = 10**15
MOST_COLUMNS: Final = 2_000
LONGEST_NAME: Final = 200


class Freshness(StrEnum):
    """What a check says; `unknown` is no leave to go on."""

    PASS = "pass"  # noqa: S105  # a word
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


RANK: Final = (Freshness.PASS, Freshness.WARN, Freshness.UNKNOWN, Freshness.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a dataset has to be like, and what its last check said.

    Attributes:
        cadence_s: how often it arrives; older is late, and silence for half as long again is unknown.
        max_age_s: older fails.
        fields, fields_sha256: the agreed columns as canonical JSON of names or name → type, and their digest.
    """

    name: DatasetName
    cadence_s: int
    max_age_s: int
    min_rows: int = 0
    fields: str | None = None
    fields_sha256: Digest | None = None
    set_by: ActorId
    set_at: datetime
    as_of: datetime | None = None
    checked_at: datetime | None = None
    checked_by: ActorId | None = None
    verdict: Freshness | None = None
    reasons: tuple[str, ...] = ()
    row_count: int | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check what belongs together. Raises ValueInvalid."""
        if not NAME.fullmatch(self.name):
            raise ValueInvalid("dataset", f"text that matches {NAME.pattern}")
        if not 1 <= self.cadence_s <= self.max_age_s <= LONGEST_S:
            raise ValueInvalid("max_age", "at least the cadence, and at most 366 days")
        if not 0 <= self.min_rows <= MOST_ROWS:
            raise ValueInvalid("min_rows", f"0 to {MOST_ROWS:,}")

    def checked(self, arrival: Arrival, check: Check, *, by: ActorId, at: datetime) -> Dataset:
        """Return it with the check of what arrived."""
        return replace(
            self,
            as_of=arrival.as_of,
            row_count=arrival.rows,
            verdict=check.verdict,
            reasons=check.reasons,
            checked_by=by,
            checked_at=at,
        )


class Arrival(NamedTuple):
    """What arrived; None is not known. `fields_sha256` is that of its columns."""

    as_of: datetime | None
    rows: int | None
    fields_sha256: Digest | None


class Check(NamedTuple):
    """The gravest verdict, and what led to it; nothing for one that passed."""

    verdict: Freshness
    reasons: tuple[str, ...]


def check(dataset: Dataset, arrival: Arrival, now: datetime) -> Check:
    """Return what is to be said of what arrived. A time that is missing or yet to come counts as stale."""
    found = [
        *_age(dataset, arrival.as_of, now),
        *_rows(dataset, arrival.rows),
        *_fields(dataset, arrival.fields_sha256),
    ]
    worst = max((verdict for verdict, _ in found), key=RANK.index, default=Freshness.PASS)
    return Check(worst, tuple(sorted(reason for _, reason in found)))


def standing(dataset: Dataset, now: datetime) -> Check:
    """Return what is known of a dataset now: its last check, unless it is silent or has grown old since."""
    if dataset.verdict is None or dataset.checked_at is None:
        return Check(Freshness.UNKNOWN, ("never_checked",))
    silent = now - dataset.checked_at
    if silent > timedelta(seconds=dataset.cadence_s * 1.5) or silent < -SKEW:
        return Check(Freshness.UNKNOWN, ("silent",))
    aged = [
        each
        for each in _age(dataset, dataset.as_of, now)
        if RANK.index(each[0]) > RANK.index(dataset.verdict)
    ]
    if aged:
        return Check(aged[0][0], tuple(sorted({*dataset.reasons, aged[0][1]})))
    return Check(dataset.verdict, dataset.reasons)


def fields_of(columns: Sequence[str] | Mapping[str, str]) -> Mapping[str, str] | list[str]:
    """Return columns as they are compared: order does not matter. Raises ValueInvalid."""
    if len(columns) > MOST_COLUMNS:
        raise ValueInvalid("columns", f"at most {MOST_COLUMNS:,}")
    texts = [*columns, *(columns.values() if not isinstance(columns, list | tuple) else ())]  # type: ignore[union-attr]
    if not all(
        isinstance(text, str) and 0 < len(text) <= LONGEST_NAME and text.isprintable()
        for text in texts
    ):
        raise ValueInvalid(
            "columns", f"names, or names with types, of up to {LONGEST_NAME} visible characters"
        )
    if isinstance(columns, list | tuple):
        if len(set(columns)) < len(columns):
            raise ValueInvalid("columns", "each name once")
        return sorted(columns)
    return dict(columns)  # type: ignore[arg-type]


def fields_digest(fields: Mapping[str, str] | list[str]) -> Digest:
    """Return the digest of columns."""
    return Digest(digest(fields))


def _age(dataset: Dataset, as_of: datetime | None, now: datetime) -> list[tuple[Freshness, str]]:
    if as_of is None:
        return [(Freshness.FAIL, "no_time")]
    age = now - as_of
    if age < -SKEW:
        return [(Freshness.FAIL, "from_the_future")]
    if age > timedelta(seconds=dataset.max_age_s):
        return [(Freshness.FAIL, "too_old")]
    late = age > timedelta(seconds=dataset.cadence_s)
    return [(Freshness.WARN, "late")] if late else []


def _rows(dataset: Dataset, rows: int | None) -> list[tuple[Freshness, str]]:
    if rows is None:
        return [(Freshness.UNKNOWN, "rows_unknown")] if dataset.min_rows else []
    return [(Freshness.FAIL, "too_few_rows")] if rows < dataset.min_rows else []


def _fields(dataset: Dataset, found: Digest | None) -> list[tuple[Freshness, str]]:
    if dataset.fields_sha256 is None:
        return []
    if found is None:
        return [(Freshness.UNKNOWN, "columns_unknown")]
    return [] if found == dataset.fields_sha256 else [(Freshness.FAIL, "other_columns")]
