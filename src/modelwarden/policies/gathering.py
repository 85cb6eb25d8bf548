"""Loads what checks read: the registry's fields, stored evidence, drills, verifications of the ledger (EVAL-4).

Only what the checks at hand ask for is read, in the transaction that decides. Evidence for other bytes than the
version's never gets in (EV-1), nor what a restore left behind.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.access.queries import current_persons, find_actor
from modelwarden.policies import queries
from modelwarden.policies.attested import ARTIFACT
from modelwarden.policies.check import ALTERED, Exhibit, Situation, at_text
from modelwarden.policies.evidence import Assurance, EvidenceKind, value_digest
from modelwarden.policies.reads import model_fields
from modelwarden.registry.queries import find_version, live_versions
from modelwarden.registry.use_cases.reads import as_policies_see
from modelwarden.registry.version import digest
from modelwarden.safeguards.drills.queries import last_reported
from modelwarden.values.clock import moment
from modelwarden.values.ids import Label, version_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from modelwarden.policies.check import Check
    from modelwarden.policies.evidence import Evidence
    from modelwarden.policies.predicate import Json
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View
    from modelwarden.values.ids import Digest, PersonId

MOST: Final = 50
"""How many pieces of evidence of a kind are read for a version, newest first."""
LIVE: Final = "live"
TEST: Final = "test"
CONTENTS: Final = EvidenceKind.CONTENTS.value
BEHIND: Final = timedelta(hours=1)
"""How old an entry may be that a verification of the whole ledger left out: it came in meanwhile."""
STORED: Final = {
    "findings": "findings",
    "lineage": "lineage",
    "metric": "metric",
    "metric_delta": "metric",
}
"""Check type → kind of the evidence that it reads."""


class Past(NamedTuple):
    """A moment as of which evidence is read, and the version that was live then."""

    at: datetime
    live: Version | None


def situation(  # what is read, and as of when
    view: View,
    version: Version,
    *,
    model: Model,
    environment: Environment,
    checks: Sequence[Check],
    past: Past | None = None,
) -> Situation:
    """Return what these checks read of a version in an environment, as it is now, or as evidence stood in the past."""
    types = {check.type for check in checks}
    by = queries.NEWEST if past is None else at_text(past.at)
    live = _live(view, version, environment) if past is None else past.live
    compared = _baselines(view, version, live, checks)
    exhibits: list[Exhibit] = []
    wants_witness = any(check.witness for check in checks)
    for kind in sorted({STORED[each] for each in types if each in STORED}):
        for one in (version, *(compared.values() if kind == "metric" else ())):
            builders = builders_of(view, one, model) if wants_witness else None
            exhibits += _stored(view, one, kind, by=by, builders=builders)
            exhibits += [evaluation(one)] if kind == "metric" and one.evaluation else []
    if any(check.type == "artifact" and check.params.get("formats") for check in checks):
        exhibits += _formats(view, version, by=by)
    if "drill" in types:
        places = {str(c.params.get("environment", "staging")) for c in checks if c.type == "drill"}
        exhibits += _drills(view, model, sorted(places), by=by)
    if "lineage" in types and version.subject_sha256 is not None:
        exhibits.append(_bytes(version, version.subject_sha256))
    if "chain_verified" in types:
        exhibits += _verifications(view, by=by)
    return Situation(
        version=version.name,
        fields={
            **model_fields(as_policies_see(view, model), environment),
            **version_fields(version),
        },
        datasets=_datasets(version),
        baselines={name: found.name for name, found in compared.items()},
        exhibits=tuple(exhibits),
    )


def subject_of(version: Version) -> Digest:
    """Return what evidence about a version is about: its bytes, or its record where nobody read any."""
    return version.subject_sha256 or version.content_digest


def evaluation(version: Version) -> Exhibit:
    """Return the figures that were registered with a version: those that approvers sign.

    The registry keeps no time for them, so they count as of the registration: at worst as older than they are.
    """
    value: dict[str, Any] = {
        "metrics": {name: {"value": figure} for name, figure in version.evaluation.items()}
    }
    test = _datasets(version).get(TEST)
    if test:
        value["dataset"] = f"sha256:{digest(list(test))}"
    return Exhibit(
        id=f"evaluation:{version.evaluation_digest}",
        kind="metric",
        version=version.name,
        produced_at=at_text(version.created_at),
        value=value,
    )


def _bytes(version: Version, sha256: Digest) -> Exhibit:
    return Exhibit(
        id=f"artifact:{sha256}",
        kind=ARTIFACT,
        version=version.name,
        produced_at=at_text(version.created_at),
        value={"sha256": sha256},
        witness=True,  # nobody's word: who may say what the run was is asked of the run
    )


def version_fields(version: Version) -> dict[str, Json]:
    """Return what conditions may ask of a version; what is not filled in is absent."""
    known: dict[str, Json] = {
        "version.algorithm": version.algorithm,
        "version.artifact_kind": version.artifact_kind.value,
        "version.created_at": at_text(version.created_at),
        "version.feature_version": version.feature_version,
        "version.label": version.label,
        "version.run": version.run,
        "version.size_bytes": version.size_bytes,
        "version.snapshot": version.snapshot,
        "version.source_commit": version.source_commit,
        "version.trust": version.trust or None,
    }
    return {field: value for field, value in known.items() if value is not None}


def _datasets(version: Version) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for dataset in version.datasets:
        prints: Any = dataset.get("fingerprints", ())
        found.setdefault(str(dataset["role"]), []).extend(str(each) for each in prints)
    return {role: tuple(sorted(of)) for role, of in sorted(found.items()) if of}


def _baselines(
    view: View, version: Version, live: Version | None, checks: Iterable[Check]
) -> dict[str, Version]:
    """Return the version that each baseline means here, where there is one."""
    names = {str(c.params["baseline"]) for c in checks if c.type == "metric_delta"}
    found: dict[str, Version] = {}
    for name in sorted(names):
        other = (
            live if name == LIVE else find_version(view, version_name(version.model, Label(name)))
        )
        if other is not None and other.name != version.name:
            found[name] = other
    return found


def _live(view: View, version: Version, environment: Environment) -> Version | None:
    live = live_versions(view, version.model)
    return next((other for other in live if environment.value in other.live_in), None)


def builders_of(view: View, version: Version, model: Model) -> frozenset[PersonId]:
    """Return the persons who had a part in a version, as accounts are linked today: no witness is among them."""
    owners = (find_actor(view, actor) for actor in model.owners_since(version.created_at))
    persons = {owner.person for owner in owners if owner is not None}
    return current_persons(view, {version.registered_person, *version.trainers, *persons})


def _stored(
    view: View, version: Version, kind: str, *, by: str, builders: frozenset[PersonId] | None
) -> Iterator[Exhibit]:
    found = queries.evidence_of(view, version.name, kind=kind, by=by, limit=MOST)
    standing = [each for each in found if counts(view, each, version)]
    outside = outsiders(view, {each.recorded_person for each in standing}, builders)
    for each in standing:
        yield Exhibit(
            id=each.id,
            kind=each.kind.value,
            version=each.version,
            produced_at=at_text(each.produced_at),
            value=each.value if value_digest(each.value) == each.value_sha256 else ALTERED,
            witness=each.recorded_person in outside,
        )


def outsiders(
    view: View, persons: set[PersonId], builders: frozenset[PersonId] | None
) -> set[PersonId]:
    """Return those who had no part in the version; nobody where it is not asked."""
    if builders is None:
        return set()
    return {person for person in persons if not current_persons(view, {person}) & builders}


def counts(view: View, evidence: Evidence, version: Version) -> bool:
    """Tell whether a piece of evidence is about these bytes, and stands (EV-1, LG-46)."""
    return evidence.subject == subject_of(version) and not view.is_frozen("evidence", evidence.id)


def contents_of(view: View, version: Version, *, by: str = queries.NEWEST) -> Evidence | None:
    """Return what we read of a version's files last; None where nobody asked us to, or a row was altered."""
    found = _contents(view, version, by=by)
    return None if found is None or value_digest(found.value) != found.value_sha256 else found


def _contents(view: View, version: Version, *, by: str) -> Evidence | None:
    kept = queries.evidence_of(view, version.name, kind=CONTENTS, by=by, limit=MOST)
    own = (e for e in kept if e.assurance is Assurance.MEASURED and counts(view, e, version))
    return next(own, None)


def _formats(view: View, version: Version, *, by: str) -> Iterator[Exhibit]:
    found = _contents(view, version, by=by)
    if found is not None:
        whole = value_digest(found.value) == found.value_sha256
        yield Exhibit(
            id=found.id,
            kind=CONTENTS,
            version=found.version,
            produced_at=at_text(found.produced_at),
            value={"formats": found.value["formats"]} if whole else ALTERED,
        )


def _drills(view: View, model: Model, places: Sequence[str], *, by: str) -> Iterator[Exhibit]:
    for place in places:
        drill = last_reported(view, place, model.name, by=by)
        if drill is None or drill.report is None or view.is_frozen("drill", drill.id):
            continue
        report = json.loads(drill.report)
        moves = {f"{name}_ms": report[f"{name}_ms"] for name in ("detect", "activate", "confirm")}
        passed = not report["missed"]
        yield Exhibit(
            id=f"drill:{drill.id}",
            kind="drill",
            version="",
            produced_at=at_text(drill.ended_at or drill.requested_at),
            value={"environment": place, "passed": passed, **moves},
        )


def _verifications(view: View, *, by: str) -> Iterator[Exhibit]:
    """Yield the newest verification that reached over the whole ledger, or found something wrong."""
    for entry in queries.verifications(view, by=by):
        fact = json.loads(entry.body)["fact"]
        intact = entry.type == "ledger.verified"
        if intact and not _is_whole(view, fact, entry.at):
            continue
        yield Exhibit(
            id=f"entry:{entry.seq}",
            kind="ledger_verification",
            version="",
            produced_at=entry.at,
            value={"intact": intact, "first": fact["first"], "last": fact["last"]},
        )
        return


def _is_whole(view: View, fact: dict[str, Any], at: str) -> bool:
    if fact["first"] > queries.FIRST_ENTRY:
        return False
    left_out = queries.entry_time(view, fact["last"] + 1)
    return left_out is None or moment(at) - moment(left_out) <= BEHIND
