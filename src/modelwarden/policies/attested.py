"""The check types that rest on what a person, a run or a verifier said: attestation, lineage, chain_verified. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.policies.predicate import Seen, WrongType, words
from modelwarden.policies.result import Finding, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.policies.check import Exhibit, Situation
    from modelwarden.policies.predicate import Json

ARTIFACT: Final = "artifact_digest"
"""Kind of what the registry knows of the bytes."""


def attestation(params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when somebody in the role signed the statement; with `reviewed`, when another person confirmed just that."""
    name, role = str(params["statement"]), str(params["by_role"])
    said = [each for each in situation.of("attestation") if each.value.get("statement") == name]
    first = next((e for e in said if e.value.get("role") == role and not _reviews(e)), None)
    if first is None:
        return Finding(
            Outcome.UNKNOWN, next=f"somebody in the role {role} has to sign {name} for this version"
        )
    seen = Seen(f"attestation.{name}", "eq", role, role)
    if not params.get("reviewed"):
        return Finding(Outcome.PASS, (seen,), (first,))
    second = next(
        (e for e in said if _reviews(e) == first.id and e.value["by"] != first.value["by"]), None
    )
    if second is None:
        return Finding(
            Outcome.UNKNOWN, (seen,), (first,), f"a second person has to review {first.id}"
        )
    return Finding(Outcome.PASS, (seen,), (first, second))


def lineage(_params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when the recorded run joins the data, the code, an environment and the bytes that are registered.

    What is not known of either side is unknown; what they say differently fails.
    """
    found = next(iter(situation.of("lineage")), None)
    if found is None:
        return Finding(Outcome.UNKNOWN, next="record the lineage of the run that made this version")
    used = (found, *situation.of(ARTIFACT)[:1])
    joins = [
        (part, _text(wanted), _text(found.value.get(part)))
        for part, wanted in _registered(situation).items()
    ]
    seen = tuple(Seen(f"lineage.{part}", "eq", want or "known", had) for part, want, had in joins)
    differing = tuple(
        atom
        for atom, (_, want, had) in zip(seen, joins, strict=True)
        if want is not None and had is not None and want != had
    )
    if differing:
        return Finding(Outcome.FAIL, differing, used, "record the run that made these bytes")
    missing = [part for part, want, had in joins if want is None or had is None]
    missing += [] if _text(found.value.get("environment")) else ["environment"]
    missing += _unjoined(situation, found)
    if missing:
        what = f"register and record what is missing of it: {', '.join(missing)}"
        return Finding(Outcome.UNKNOWN, seen, used, what)
    return Finding(Outcome.PASS, seen, used)


def chain_verified(_params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when the last verification of the whole ledger found nothing wrong."""
    found = next(iter(situation.of("ledger_verification", version="")), None)
    if found is None:
        return Finding(Outcome.UNKNOWN, next="verify the whole ledger: modelwarden audit verify")
    intact = found.value.get("intact")
    if not isinstance(intact, bool):
        raise WrongType("a verification says whether the ledger is intact")
    seen = (Seen("ledger.intact", "eq", "true", words(intact)),)
    return Finding(Outcome.PASS if intact else Outcome.FAIL, seen, (found,))


def _registered(situation: Situation) -> dict[str, Json]:
    """Return what a run has to name: itself, the code, the bytes."""
    read = next(iter(situation.of(ARTIFACT)), None)
    return {
        "run": situation.fields.get("version.run"),
        "code": situation.fields.get("version.source_commit"),
        "artifact": None if read is None else read.value.get("sha256"),
    }


def _unjoined(situation: Situation, found: Exhibit) -> list[str]:
    """Return the roles whose data the run does not name by any of its fingerprints; `data` where none is registered."""
    used = found.value.get("datasets")
    if not isinstance(used, list | tuple):
        raise WrongType("a run lists the fingerprints of its data")
    if not situation.datasets:
        return ["data"]
    return [f"data as {role}" for role, of in situation.datasets.items() if not {*of} & {*used}]


def _text(value: Json) -> str | None:
    return None if value is None or value == "" else str(value)


def _reviews(each: Exhibit) -> str | None:
    found = each.value.get("reviews")
    return None if found is None else str(found)
