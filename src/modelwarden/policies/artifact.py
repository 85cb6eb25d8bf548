"""The check type `artifact`: who read the bytes, who signed them, and what they are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelwarden.policies.predicate import Seen, WrongType
from modelwarden.policies.result import Finding, Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.policies.check import Situation
    from modelwarden.policies.predicate import Json


def artifact(params: Mapping[str, Json], situation: Situation, _now: datetime) -> Finding:
    """Pass when we read the bytes ourselves; what a caller only asserted is unknown.

    With `formats` every file has to be of one of these, with `signed` a registered key has to have signed them all.
    """
    trust = situation.fields.get("version.trust")
    wanted = str(params.get("trust", "verified"))
    seen = (Seen("version.trust", "eq", wanted, None if trust is None else str(trust)),)
    if trust != wanted:
        where = "register it where the server can read its bytes"
        return Finding(Outcome.UNKNOWN, seen, next=where)
    found = Finding(Outcome.PASS, seen)
    if params.get("formats"):
        found = _formats(params["formats"], situation, found)
    if params.get("signed") and found.outcome is not Outcome.FAIL:
        found = _signed(situation, found)
    return found


def _formats(allowed: Json, situation: Situation, before: Finding) -> Finding:
    """Pass when every format that is in the files is on the list."""
    if not isinstance(allowed, list | tuple):
        raise WrongType("a list of formats was expected")
    read = next(iter(situation.of("contents")), None)
    if read is None:
        how = "have the server look into the files: modelwarden evidence read"
        return before._replace(outcome=Outcome.UNKNOWN, next=how)
    there = read.value["formats"]
    if not isinstance(there, Mapping):
        raise WrongType("formats were expected, each with a file of it")
    listed = ", ".join(str(each) for each in allowed)
    seen = {
        kind: Seen("artifact.format", "in", listed, kind if kind in allowed else f"{kind}: {path}")
        for kind, path in sorted(there.items())
    }
    foreign = tuple(atom for kind, atom in seen.items() if kind not in allowed)
    if foreign:
        how = "save the model in a format that is on the list"
        return Finding(Outcome.FAIL, foreign, (read,), how)
    return Finding(Outcome.PASS, (*before.atoms, *seen.values()), (*before.used, read))


def _signed(situation: Situation, before: Finding) -> Finding:
    """Pass when a registered key signed these files; whoever gathered the signatures has verified them."""
    found = next(iter(situation.of("signature")), None)
    if found is None:
        how = (
            "sign the files with a registered key (artifacts sign), and record it (evidence record)"
        )
        how = f"{before.next}; {how}" if before.next else how
        return before._replace(outcome=Outcome.UNKNOWN, next=how)
    seen = Seen("artifact.signed", "eq", "true", str(found.value["keyid"]))
    return before._replace(atoms=(*before.atoms, seen), used=(*before.used, found))
