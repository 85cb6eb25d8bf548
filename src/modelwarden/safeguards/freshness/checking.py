"""Saying what a dataset has to be like, and checking one that arrives; each check is recorded (SG-44)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize
from modelwarden.errors import NotFound, ValueInvalid
from modelwarden.facts.kinds import Code, Severity
from modelwarden.facts.triggers import FreshnessChecked, FreshnessSet
from modelwarden.permissions import Permission
from modelwarden.safeguards.freshness import gate, queries
from modelwarden.safeguards.freshness.gate import Arrival, Dataset, Freshness
from modelwarden.values.canonical import encode
from modelwarden.values.ids import DatasetName
from modelwarden.values.pages import listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.safeguards.freshness.gate import Check
    from modelwarden.store.change import Change, View
    from modelwarden.values.pages import Listing, Page

LOUD = frozenset({Freshness.FAIL, Freshness.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a dataset has to be like; without columns any will do."""

    cadence_s: int
    max_age_s: int
    min_rows: int = 0
    columns: Sequence[str] | Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What somebody says of a dataset that arrives; None is not known."""

    as_of: datetime | None = None
    rows: int | None = None
    columns: Sequence[str] | Mapping[str, str] | None = None


def set_freshness(change: Change, name: str, *, expected: Expected) -> Dataset:
    """Say what a dataset has to be like; the same again changes nothing. Raises NotPermitted, ValueInvalid."""
    authorize(change, Permission.TRIGGER_WRITE)
    fields = None if expected.columns is None else gate.fields_of(expected.columns)
    before = queries.find_dataset(change, name, lock=True)
    wanted = Dataset(
        name=DatasetName(name),
        cadence_s=expected.cadence_s,
        max_age_s=expected.max_age_s,
        min_rows=expected.min_rows,
        fields=None if fields is None else encode(fields).decode(),
        fields_sha256=None if fields is None else gate.fields_digest(fields),
        set_by=change.actor,
        set_at=change.now,
    )
    if before is not None:
        kept = replace(
            before,
            cadence_s=wanted.cadence_s,
            max_age_s=wanted.max_age_s,
            min_rows=wanted.min_rows,
            fields=wanted.fields,
            fields_sha256=wanted.fields_sha256,
        )
        if kept == before:
            change.unchanged("dataset", name)
            return before
        wanted = replace(kept, set_by=change.actor, set_at=change.now)
    saved = change.save(wanted)
    change.record(
        FreshnessSet(
            dataset=saved.name,
            cadence_s=saved.cadence_s,
            max_age_s=saved.max_age_s,
            min_rows=saved.min_rows,
            columns=saved.fields_sha256,
        )
    )
    return saved


def gate_freshness(change: Change, name: str, *, arrived: Arrived) -> Dataset:
    """Check a dataset that arrives, and record what is found. Raises NotFound, NotPermitted, ValueInvalid."""
    authorize(change, Permission.FRESHNESS_RECORD)
    found = queries.find_dataset(change, name, lock=True)
    if found is None:
        raise NotFound("dataset", name)
    if arrived.rows is not None and not 0 <= arrived.rows <= gate.MOST_ROWS:
        raise ValueInvalid("rows", f"0 to {gate.MOST_ROWS:,}")
    sha256 = (
        None if arrived.columns is None else gate.fields_digest(gate.fields_of(arrived.columns))
    )
    arrival = Arrival(arrived.as_of, arrived.rows, sha256)
    check = gate.check(found, arrival, change.now)
    saved = change.save(found.checked(arrival, check, by=change.actor, at=change.now))
    age = None if arrival.as_of is None else int((change.now - arrival.as_of).total_seconds())
    change.record(
        FreshnessChecked(
            dataset=saved.name,
            verdict=Code(check.verdict.value),
            reasons=tuple(Code(reason) for reason in check.reasons),
            as_of=arrival.as_of,
            age_s=age,
            rows=arrival.rows,
            columns=sha256,
        ),
        severity=Severity.WARNING if check.verdict in LOUD else None,
    )
    return saved


def dataset(view: View, name: str) -> Dataset:
    """Return a dataset, with what its last check said. Raises NotFound, NotPermitted."""
    authorize(view, Permission.SWITCH_READ)
    found = queries.find_dataset(view, name)
    if found is None:
        raise NotFound("dataset", name)
    return found


def datasets(view: View, page: Page) -> Listing[Dataset]:
    """Return a page of datasets, by name. Raises NotPermitted."""
    authorize(view, Permission.SWITCH_READ)
    found = queries.datasets_after(view, page.after or "", limit=page.limit)
    return listing(found, page, key=found[-1].name if found else None)


def freshness(view: View, name: str) -> Check:
    """Return what is known of a dataset now; one of which nobody spoke is unknown. It asks for no right."""
    found = queries.find_dataset(view, name)
    if found is None or view.is_frozen("dataset", name):
        return gate.Check(Freshness.UNKNOWN, ("not_set",))
    return gate.standing(found, view.now)
