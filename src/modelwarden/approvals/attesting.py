"""Statements about a version that a person signs with a key of their own, and another may review (check `attestation`).

Kept as evidence. The signature is verified when it arrives, and again wherever a check relies on it: a key that was
compromised since takes its statements along, and accounts that turn out to be one person's count as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize, require_person
from modelwarden.access.holding import holds_role
from modelwarden.access.persons.queries import person_of
from modelwarden.approvals import case, signatures
from modelwarden.approvals import statement as statements
from modelwarden.errors import EnvelopeMalformed, EvidenceInvalid, NotPermitted, SamePerson
from modelwarden.permissions import Permission
from modelwarden.policies import gathering, queries
from modelwarden.policies.check import ALTERED, Exhibit, at_text
from modelwarden.policies.check_reads import one_evidence
from modelwarden.policies.evidence import Assurance, EvidenceKind, NewEvidence, value_digest
from modelwarden.policies.recording import kept_evidence
from modelwarden.registry import reads as registry
from modelwarden.values.ids import NAME, EvidenceId, RoleName

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.policies.evidence import Evidence
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import PersonId

TOOL: Final = "signature"


def attestation_statement(
    view: View, model: str, version: str, *, statement: str, role: str, reviews: str | None = None
) -> bytes:
    """Return the caller's own bytes to sign, issued now. Raises what `attest` raises of who and what."""
    found = _allowed(view, model, version, statement=statement, role=role, reviews=reviews)
    return _bytes(view, found, statement=statement, role=role, reviews=reviews, at=view.now)


def attest(  # noqa: PLR0913  # what is said, in which role
    change: Change,
    model: str,
    version: str,
    *,
    statement: str,
    role: str,
    envelope: bytes | str,
    reviews: str | None = None,
) -> Evidence:
    """Keep a statement about a version that the caller signed, in a role that they hold; `reviews` is another's.

    Raises:
        ModelNotFound, VersionNotFound, VersionIsRetired, EvidenceInvalid.
        NotPermitted: no leave to attest, or not the role.
        SamePerson: nobody reviews their own statement. NotFound: there is no such statement to review.
        KeyNotYours, KeyExpired, SignatureInvalid, EnvelopeMalformed, StatementChanged, StatementStale.
    """
    found = _allowed(change, model, version, statement=statement, role=role, reviews=reviews)
    require_person(change)
    found.require_usable()
    signed = signatures.read(envelope)
    key = case.known_keys(change, {signed.keyid}).get(signed.keyid)
    at = signatures.check(signed, key=key, person=change.person, now=change.now)
    expected = _bytes(change, found, statement=statement, role=role, reviews=reviews, at=at)
    signatures.check_content(signed.payload, expected)
    value = {
        "statement": statement,
        "role": role,
        "person": change.person,
        "envelope": signed.to_line().decode().removesuffix("\n"),
        **({} if reviews is None else {"reviews": reviews}),
    }
    new = NewEvidence(kind=EvidenceKind.ATTESTATION, value=value, tool=TOOL, produced_at=at)
    return kept_evidence(change, found, new, assurance=Assurance.ATTESTED)


def statements_about(view: View, version: Version, *, model: Model) -> tuple[Exhibit, ...]:
    """Return the signed statements about a version whose signatures hold now, newest first."""
    found = queries.evidence_of(
        view,
        version.name,
        kind=EvidenceKind.ATTESTATION.value,
        by=queries.NEWEST,
        limit=gathering.MOST,
    )
    standing = [each for each in found if gathering.counts(view, each, version)]
    builders = gathering.builders_of(view, version, model)
    outside = gathering.outsiders(view, {each.recorded_person for each in standing}, builders)
    exhibits = (_exhibit(view, each, version, outside=outside) for each in standing)
    return tuple(each for each in exhibits if each is not None)


def _exhibit(
    view: View, each: Evidence, version: Version, *, outside: set[PersonId]
) -> Exhibit | None:
    """Return a statement as checks read it; None where its signature no longer holds."""
    altered = value_digest(each.value) != each.value_sha256
    if not altered and not _is_signed(view, each, version):
        return None
    people = person_of(view, each.recorded_by, each.recorded_person)
    said = {
        name: each.value[name] for name in ("statement", "role", "reviews") if name in each.value
    }
    return Exhibit(
        id=each.id,
        kind=each.kind.value,
        version=each.version,
        produced_at=at_text(each.produced_at),
        value=ALTERED if altered else {**said, "by": people},
        witness=each.recorded_person in outside,
    )


def _is_signed(view: View, each: Evidence, version: Version) -> bool:
    value = each.value
    line = str(value.get("envelope"))
    try:
        keyid = signatures.read(line).keyid
    except EnvelopeMalformed:
        return False
    expected = statements.attestation(
        version.name,
        sha256=gathering.subject_of(version),
        statement=str(value.get("statement")),
        role=str(value.get("role")),
        person=str(value.get("person")),
        reviews=value.get("reviews"),
        issued_at=each.produced_at,
    )
    why = signatures.lapsed(
        line,
        key=case.known_keys(view, {keyid}).get(keyid),
        holder=person_of(view, each.recorded_by, each.recorded_person),
        expected=expected,
        issued_at=each.produced_at,
        taken_at=each.recorded_at,
    )
    return why is None


def _allowed(
    view: View, model: str, version: str, *, statement: str, role: str, reviews: str | None
) -> Version:
    parent = registry.model(view, model)
    found = registry.version(view, model, version)
    on = registry.resource_of(parent)
    authorize(view, Permission.EVIDENCE_ATTEST, on=on)
    for field, word in (("statement", statement), ("role", role)):
        if not NAME.fullmatch(word):
            raise EvidenceInvalid(f"{field}: text that matches {NAME.pattern}")
    if holds_role(view, view.actor, RoleName(role), on) is None:
        raise NotPermitted(
            f"you do not hold the role {role} here",
            about=(("version", found.name),),
            reasons=("role",),
        )
    if reviews is not None:
        _check_other(view, found, statement=statement, reviews=reviews)
    return found


def _check_other(view: View, version: Version, *, statement: str, reviews: str) -> None:
    """Raise NotFound, EvidenceInvalid or SamePerson unless somebody else said the same about this version."""
    other = one_evidence(view, reviews)
    same = other.kind is EvidenceKind.ATTESTATION and other.version == version.name
    if not same or other.value.get("statement") != statement or "reviews" in other.value:
        raise EvidenceInvalid(
            f"reviews: {reviews} is no statement {statement} about {version.name}"
        )
    if person_of(view, other.recorded_by, other.recorded_person) == view.person:
        raise SamePerson(
            "nobody reviews their own statement", about=(("evidence", EvidenceId(reviews)),)
        )


def _bytes(  # what is said, by whom, when
    view: View, version: Version, *, statement: str, role: str, reviews: str | None, at: datetime
) -> bytes:
    return statements.attestation(
        version.name,
        sha256=gathering.subject_of(version),
        statement=statement,
        role=role,
        person=view.person,
        reviews=reviews,
        issued_at=at,
    )
