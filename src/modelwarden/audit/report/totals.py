"""A report's figures: counted over one state of the ledger, up to a size, so that they come out the same again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from modelwarden.access.allowed import authorize
from modelwarden.audit import queries as entries_of
from modelwarden.audit.proofs import newest_checkpoint
from modelwarden.audit.report import queries
from modelwarden.audit.report.queries import Bounds
from modelwarden.audit.search import EntryFilter, as_filter
from modelwarden.errors import FilterInvalid, SizeUnknown
from modelwarden.facts.catalogue import KINDS, TYPES
from modelwarden.facts.external import ExternalRecorded
from modelwarden.facts.kinds import Severity
from modelwarden.ledger.merkle import range_root
from modelwarden.permissions import Permission
from modelwarden.store.tiles import StoredNodes
from modelwarden.store.verification import verify_ledger
from modelwarden.values.clock import timestamp
from modelwarden.values.report import (
    CountAnswer,
    DayAnswer,
    FoundAnswer,
    ReportAnswer,
    SevereAnswer,
    SinkSealAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.ledger.entry import Stored
    from modelwarden.store.change import View

MOST_SEVERE: Final = 1_000
MOST_NAMED: Final = 200
"""Actors, components, events and tags that are named, the most frequent first."""
MOST_SEALS: Final = 500
LONGEST: Final = timedelta(days=3_660)
EXTERNAL: Final = KINDS[ExternalRecorded].type
_NAMES: Final = tuple(severity.value for severity in Severity)


def report(
    view: View, *, since: datetime | str, until: datetime | str, as_of: int | None = None
) -> ReportAnswer:
    """Return what happened from `since` to `until`, ends included, in the first `as_of` entries.

    Without `as_of` these are all that the newest checkpoint covers. The entries of the period are verified.

    Raises NotPermitted, FilterInvalid of the period, SizeUnknown of `as_of`.
    """
    authorize(view, Permission.AUDIT_READ)
    begin, end = _period(since, until)
    newest = newest_checkpoint(view)[0].size
    size = newest if as_of is None else as_of
    if not 0 < size <= newest:
        raise SizeUnknown(f"as_of: a size from 1 to {newest}, which a checkpoint covers")
    bounds = _bounds(view, begin, end, size)
    around = queries.ends(view, bounds)
    last = None if around is None else entries_of.entries_at(view, [around[1]])[around[1]]
    severe = [] if around is None else queries.severe(view, bounds, limit=MOST_SEVERE)
    found = _verified(view, around)
    return ReportAnswer(
        origin=view.keyring.origin,
        since=begin,
        until=end,
        as_of=size,
        root=range_root(size, StoredNodes(view.connection)).hex(),
        first=None if around is None else around[0],
        last=None if around is None else around[1],
        last_entry_hash="" if last is None else last.entry_hash.hex(),
        days=_days(queries.days(view, bounds)),
        severe=_severe(view, severe),
        sinks=_sinks(view, size),
        verified=not found,
        problems=found,
        most_named=MOST_NAMED,
        **_kinds(queries.kinds(view, bounds)),
        actors=_named(view, "actors", bounds),
        refused_actors=_named(view, "refused_actors", bounds),
        components=_named(view, "components", bounds),
        events=_named(view, "events", bounds),
        tags=_named(view, "tags", bounds),
    )


def _period(since: datetime | str, until: datetime | str) -> tuple[datetime, datetime]:
    asked = as_filter({"since": since, "until": until})
    if asked.since is None or asked.until is None or asked.until < asked.since:
        raise FilterInvalid("since and until", "times in order, such as 2026-11-01 and 2026-11-30")
    if asked.until - asked.since > LONGEST:
        raise FilterInvalid("since and until", f"at most {LONGEST.days} days apart")
    return asked.since, asked.until


def _bounds(view: View, since: datetime, until: datetime, size: int) -> Bounds:
    low, high = entries_of.numbers_within(view, since=since, until=until) or (0, -1)
    return Bounds(low, min(high, size - 1), timestamp(since), timestamp(until))


def _kinds(rows: Sequence[Any]) -> dict[str, Any]:
    """Return the counts that follow from type, severity and outcome."""
    types, families, severities, outcomes, refusals = (Counter[str]() for _ in range(5))
    severe = 0
    for row in rows:
        kind = TYPES.get(row.type)
        types[row.type] += row.times
        families["unknown" if kind is None else kind.family.value] += row.times
        severities[_NAMES[row.severity]] += row.times
        outcomes[row.outcome] += row.times
        refusals[row.type] += row.times if row.outcome == "refused" else 0
        severe += row.times if row.severity >= queries.SEVERE else 0
    return {
        "total": types.total(),
        "types": _counts(types),
        "families": _counts(families),
        "severities": tuple(CountAnswer(name=name, count=severities[name]) for name in _NAMES),
        "outcomes": _counts(outcomes),
        "refusals": _counts(+refusals),
        "severe_total": severe,
    }


def _counts(counted: Mapping[str, int]) -> tuple[CountAnswer, ...]:
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(CountAnswer(name=name, count=count) for name, count in ordered)


def _named(view: View, what: str, bounds: Bounds) -> tuple[CountAnswer, ...]:
    rows = queries.most(view, what, bounds, limit=MOST_NAMED)
    return tuple(CountAnswer(name=row.name, count=row.times) for row in rows)


def _days(rows: Sequence[Any]) -> tuple[DayAnswer, ...]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.day, {})[_NAMES[row.severity].lower()] = row.times
    nothing = {name.lower(): 0 for name in _NAMES}
    return tuple(DayAnswer(day=day, **(nothing | counts)) for day, counts in found.items())


def _severe(view: View, seqs: Sequence[int]) -> tuple[SevereAnswer, ...]:
    found = entries_of.entries_at(view, seqs)
    return tuple(_severe_answer(found[seq]) for seq in seqs if seq in found)


def _severe_answer(stored: Stored) -> SevereAnswer:
    said = _said(stored.body)
    actor, fact = said.get("actor", {}), said.get("fact", {})
    about = tuple(map(str, said.get("about", ())))
    says = str(said.get("type", ""))
    if says == EXTERNAL and isinstance(fact, dict):
        says = f"{fact.get('event')}: {fact.get('action')}"
        about = tuple(name for name in about if name.startswith("component:"))
    return SevereAnswer(
        seq=stored.seq,
        at=str(said.get("at", "")),
        type=str(said.get("type", "")),
        says=says,
        severity=str(said.get("severity", "")),
        outcome=str(said.get("outcome", "")),
        actor=str(actor.get("id", "")) if isinstance(actor, dict) else "",
        about=about,
        entry_hash=stored.entry_hash.hex(),
    )


def _sinks(view: View, size: int) -> tuple[SinkSealAnswer, ...]:
    """Return how far each copy was by its newest seal in the ledger."""
    sealed = EntryFilter(types=("sink.sealed",))
    seqs = entries_of.page(view, sealed, below=size, limit=MOST_SEALS).seqs
    found: dict[str, SinkSealAnswer] = {}
    for seq, stored in sorted(entries_of.entries_at(view, seqs).items(), reverse=True):
        fact = _said(stored.body).get("fact", {})
        name = str(fact.get("sink", ""))
        answer = SinkSealAnswer(sink=name, next_seq=int(fact.get("next_seq", 0)), sealed_by=seq)
        found.setdefault(name, answer)
    return tuple(found[name] for name in sorted(found))


def _verified(view: View, around: tuple[int, int] | None) -> tuple[FoundAnswer, ...]:
    if around is None:
        return ()
    result = verify_ledger(
        view.connection,
        origin=view.keyring.origin,
        keys=[view.keyring.log_key.verifier],
        first=around[0],
        last=around[1],
    )
    return tuple(
        FoundAnswer(code=each.code, seq=each.seq if each.seq >= 0 else None, detail=each.detail)
        for each in result.problems
    )


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:  # altered: the verification names it
        return {}
    return said if isinstance(said, dict) else {}
