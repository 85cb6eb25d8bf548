"""Rows that facts hold a digest of or name (step 12 of section 6): figures, links, deliveries, refs of other systems.

No row of theirs has a revision, so the fact that told of them is what they have to fit.
Memory grows with the figures of one version, and with the links.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from modelwarden.audit import queries
from modelwarden.audit.carried import Carried
from modelwarden.errors import NotCanonical
from modelwarden.ledger.result import Findings
from modelwarden.store import external
from modelwarden.store.delivery_log import day_digest
from modelwarden.values.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.audit.queries import Told
    from modelwarden.store.change import View


def check_evidence(view: View) -> tuple[Findings, list[str]]:
    """Return what does not fit (`evidence_mismatch`), and what could not be told apart."""
    findings, unclear = Findings(), 0
    carried = Carried(view)
    carried.check(view, findings)
    for version in queries.versions_with_figures(view):
        unclear += _check_figures(view, version, findings, after=carried.begun_at)
    _check_links(view, findings, known=carried.links)
    _check_deliveries(view, findings)
    for stray in external.strays(view):
        findings.add("evidence_mismatch", -1, stray)
    note = f"figures recorded of one version at one moment: {unclear} times, by count alone"
    return findings, [note] if unclear else []


def _check_figures(view: View, version: str, findings: Findings, *, after: str) -> int:
    """Compare a version's observed figures with the facts; return how many moments had several facts."""
    rows: defaultdict[str, list[Any]] = defaultdict(list)
    for row in queries.figures_of(view, version):
        if row.recorded_at <= after:
            continue
        rows[row.recorded_at].append([row.id, row.name, row.value, row.at])
    told: defaultdict[str, list[Told]] = defaultdict(list)
    for entry in queries.told_of(view, "version", version, "metrics.recorded"):
        if entry.fact.get("kind") == "observed":
            told[entry.at].append(entry)
    for at in sorted({*rows, *told}):
        if not _fits(rows[at], told[at]):
            seq = told[at][0].seq if told[at] else -1
            detail = f"the figures of {version} recorded at {at} are not those that were recorded"
            findings.add("evidence_mismatch", seq, detail)
    return sum(len(entries) > 1 for entries in told.values())


def _fits(rows: list[list[str]], told: Sequence[Told]) -> bool:
    if len(rows) != sum(entry.fact.get("count", 0) for entry in told):
        return False
    if len(told) != 1:  # rows do not say which of several facts told of them
        return True
    try:
        return digest(sorted(rows, key=lambda row: row[1])) == told[0].fact.get("rows")
    except NotCanonical:
        return False


def _check_links(view: View, findings: Findings, *, known: frozenset[str]) -> None:
    """Compare who turned out to be whom with the facts, beside the links that came over from another ledger."""
    stored = {name: person for name, person in queries.links(view).items() if name not in known}
    told = {
        str(entry.fact.get("previous")): (entry.fact.get("person"), entry.seq)
        for entry in queries.told_by(view, "persons.linked")
    }
    for previous in sorted({*stored, *told}):
        person, seq = told.get(previous, (None, -1))
        if stored.get(previous) != person:
            detail = f"the link of person {previous} is not the one that was recorded"
            findings.add("evidence_mismatch", seq, detail)


def _check_deliveries(view: View, findings: Findings) -> None:
    """Compare each sealed day of the delivery log with its fact; days that were deleted as told are no more there."""
    pruned = max(
        (str(told.fact.get("before")) for told in queries.told_by(view, "delivery.log_pruned")),
        default="",
    )
    for told in queries.told_by(view, "delivery.day_sealed"):
        day = str(told.fact.get("day"))
        if day < pruned:
            continue
        found = day_digest(view, day[:10])
        if (found.rows, found.digest) != (told.fact.get("rows"), told.fact.get("digest")):
            detail = f"the delivery log of {day[:10]} is not the one that was sealed"
            findings.add("evidence_mismatch", told.seq, detail)
