"""What an approver signs: an in-toto Statement v1 over all that must not change (RL-24). Pure.

The *basis* is what a statement says beside who answers and when: it is pinned when the request
opens, and built again at each decision and at the gate. What it then takes from the pinned one is
`PINNED` (RL-25).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from modelwarden.approvals.request import RequestType, VoidCause
from modelwarden.errors import EnvelopeMalformed, NotCanonical
from modelwarden.registry.version import digest
from modelwarden.values.canonical import encode_any, parse
from modelwarden.values.clock import moment, timestamp
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from modelwarden.approvals.decision import Answer, Decision
    from modelwarden.approvals.request import ApprovalRequest, Claimant, Json
    from modelwarden.registry.version import Version
    from modelwarden.values.ids import Commitment, DelegationId, PersonId

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
RELEASE_APPROVAL: Final = "urn:modelwarden:release-approval:v1"
ACCESS_APPROVAL: Final = "urn:modelwarden:access-approval:v1"
ATTESTATION: Final = "urn:modelwarden:attestation:v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"

PINNED: Final = ("external", "ledger")
"""Members that a statement built later takes from the request (RL-25)."""

CHECK_RUN: Final = "check_run"
"""The document that is a run of all governing checks (RL-24)."""

CAUSES: Final = (
    ("subject", VoidCause.ARTIFACT),
    ("artifact", VoidCause.ARTIFACT),
    ("datasets", VoidCause.DATASETS),
    ("evaluation", VoidCause.METRICS),
    ("documents", VoidCause.CARD),
    ("policy", VoidCause.POLICY),
)
"""Which change voids an approval for which cause (RL-17)."""

_ISSUED_AT: Final = "predicate.time.issued_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """Who answers, for which seat, and how; the comment by its commitment; in whose stead, by which delegation."""

    person: PersonId
    seat: int
    decision: Answer
    comment: Commitment | None = None
    delegation: DelegationId | None = None
    delegator: PersonId | None = None

    @classmethod
    def of(cls, decision: Decision) -> Approver:
        """Return who gave this decision, and what they said."""
        return cls(
            person=decision.person,
            seat=decision.seat,
            decision=decision.verdict,
            comment=decision.comment,
            delegation=decision.delegation,
            delegator=decision.delegator_person,
        )


def release_basis(
    version: Version,
    *,
    policy: Json,
    ledger: Json,
    documents: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """Return what approvers sign about a version as it is now, and under which policies."""
    # Without bytes that anybody read, the record is what is agreed to; the gate then refuses it.
    subject = version.subject_sha256 or version.content_digest
    evaluation: dict[str, Json] = {}
    if version.evaluation_digest:
        evaluation["metrics"] = version.evaluation_digest
    if version.parameters_digest:
        evaluation["parameters"] = version.parameters_digest
    if version.contract is not None:  # SG-34: what guards hold answers to is agreed to with them
        evaluation["contract"] = digest(version.contract)
    return {
        "subject": [{"name": version.name, "digest": {"sha256": subject}}],
        "artifact": {"fingerprints": list(version.fingerprints)},
        "datasets": cast("Json", version.datasets),
        "evaluation": evaluation,
        "documents": dict(documents or {}),
        "policy": policy,
        "external": [],
        "ledger": ledger,
    }


def access_basis(
    request_id: str, payload_digest: Digest, *, policy: Json, ledger: Json
) -> dict[str, Json]:
    """Return what approvers of a sensitive action sign: its exact payload, and the policies."""
    return {
        "subject": [{"name": request_id, "digest": {"sha256": payload_digest}}],
        "policy": policy,
        "ledger": ledger,
    }


def use_case_basis(
    name: str, payload_digest: str, *, policy: Json, ledger: Json
) -> dict[str, Json]:
    """Return what approvers of a use case sign: all that it says of itself, and the policies (RL-9)."""
    return {
        "subject": [{"name": name, "digest": {"sha256": payload_digest}}],
        "use_case": name,
        "policy": policy,
        "ledger": ledger,
    }


def waiver_basis(
    request_id: str, payload: Mapping[str, Json], version: Version, *, policy: Json, ledger: Json
) -> dict[str, Json]:
    """Return what approvers of a waiver sign: which check, and all that a release of the version rests on (EVAL-5).

    Its subject is no artifact, so that it never passes for the approval of one.
    """
    return {
        **release_basis(version, policy=policy, ledger=ledger),
        "subject": [{"name": request_id, "digest": {"sha256": digest(payload)}}],
        "waiver": dict(payload),
    }


def attestation(  # noqa: PLR0913  # what is said, by whom, when
    version: str,
    *,
    sha256: str,
    statement: str,
    role: str,
    person: str,
    reviews: str | None,
    issued_at: datetime,
) -> bytes:
    """Return the bytes of one person's statement about a version, or of their review of another's."""
    said = {"statement": statement, "role": role, "person": person, "reviews": reviews}
    whole: dict[str, Json] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": version, "digest": {"sha256": sha256}}],
        "predicateType": ATTESTATION,
        "predicate": {
            **{name: word for name, word in said.items() if word is not None},
            "time": {"issued_at": timestamp(issued_at)},
        },
    }
    return encode_any(whole)


def policy_member(
    policies: Sequence[Mapping[str, str | int]], seats: Sequence[Sequence[Claimant]]
) -> dict[str, Json]:
    """Return the member `policy`: governing policies by name, version and hash, and the seats."""
    return {
        "governing": [dict(policy) for policy in policies],
        "seats": [{"seat": number, "of": list(of)} for number, of in enumerate(seats)],
    }


def repinned(now: Mapping[str, Json], pinned: Mapping[str, Json]) -> dict[str, Json]:
    """Return a basis built now, with the members that stay as the request pinned them.

    So does the check run: it is of that moment, and whether its checks still hold is asked anew (RL-17, RL-25).
    """
    kept = {**now, **{name: pinned[name] for name in PINNED if name in pinned}}
    run = check_run_of(pinned)
    documents = now.get("documents")
    if run is not None and isinstance(documents, Mapping):
        kept["documents"] = {**documents, CHECK_RUN: run}
    return kept


def check_run_of(basis: Mapping[str, Json]) -> str | None:
    """Return the digest of the check run that a request pinned, if its policies had checks."""
    documents = basis.get("documents")
    run = documents.get(CHECK_RUN) if isinstance(documents, Mapping) else None
    return None if run is None else str(run)


def basis_digest(basis: Mapping[str, Json]) -> Digest:
    """Return the SHA-256 of a basis's canonical bytes."""
    return Digest(hashlib.sha256(encode_any(_thawed(basis))).hexdigest())


def changes(pinned: Mapping[str, Json], now: Mapping[str, Json]) -> tuple[VoidCause, ...]:
    """Return why an approval over the pinned basis no longer holds; nothing when it does."""
    found = [cause for name, cause in CAUSES if _thawed(pinned.get(name)) != _thawed(now.get(name))]
    if "use_case" in pinned:
        found = [VoidCause.USE_CASE if cause is VoidCause.ARTIFACT else cause for cause in found]
    return tuple(dict.fromkeys(found))


def statement(
    request: ApprovalRequest,
    basis: Mapping[str, Json],
    *,
    approver: Approver,
    issued_at: datetime,
) -> bytes:
    """Return the bytes that this approver signs: RFC 8785 of the whole statement."""
    members = {name: value for name, value in basis.items() if name != "subject"}
    release = request.type in {RequestType.RELEASE, RequestType.EMERGENCY}
    predicate: dict[str, Json] = {
        **members,
        "request": _request_member(request),
        "approver": {
            "person": approver.person,
            "identities": [],
            "seat": approver.seat,
            "decision": approver.decision.value,
            **_said(
                comment=approver.comment,
                delegation=approver.delegation,
                delegator=approver.delegator,
            ),
        },
        "time": {
            "issued_at": timestamp(issued_at),
            "expires_at": timestamp(request.expires_at),
        },
    }
    whole = {
        "_type": STATEMENT_TYPE,
        "subject": basis["subject"],
        "predicateType": RELEASE_APPROVAL if release else ACCESS_APPROVAL,
        "predicate": predicate,
    }
    return encode_any(_thawed(whole))


def repeated(request: ApprovalRequest, decision: Decision) -> bytes:
    """Return the statement that this decision has to be over, as the request pinned it."""
    return statement(
        request, request.basis, approver=Approver.of(decision), issued_at=decision.issued_at
    )


def issued_at(payload: bytes) -> datetime:
    """Return when a statement says that it was issued. Raises EnvelopeMalformed."""
    try:
        match parse(payload):
            case {"predicate": {"time": {"issued_at": str(text)}}}:
                return moment(text)
            case _:
                pass
    except (NotCanonical, ValueError):
        pass
    raise EnvelopeMalformed("the payload is no statement with predicate.time.issued_at")


def difference(signed: bytes, expected: bytes) -> tuple[str, ...]:
    """Name the fields in which two statements differ, apart from when they were issued.

    Equal content in other bytes differs in `encoding`: only canonical bytes are signed.
    """
    try:
        a, b = parse(signed), parse(expected)
    except NotCanonical:
        return ("encoding",)
    fields = tuple(name for name in _differing(a, b, "") if name != _ISSUED_AT)
    if not fields and encode_any(a) != signed:
        return ("encoding",)
    return fields


def _said(**members: str | None) -> dict[str, Json]:
    """Return the members that there is something to say of."""
    return {name: value for name, value in members.items() if value is not None}


def _request_member(request: ApprovalRequest) -> dict[str, Json]:
    members: dict[str, Json] = {
        "id": request.id,
        "type": request.type.value,
        "model": request.model,
        "version": request.label,
        "environment": request.environment.value,
        "strategy": request.strategy,
        "action": request.action,
        "justification": request.justification,
    }
    return {name: value for name, value in members.items() if value is not None}


def _differing(a: object, b: object, path: str) -> Iterator[str]:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for name in sorted({*a, *b}):
            here = f"{path}.{name}" if path else str(name)
            if name not in a or name not in b:
                yield here
            else:
                yield from _differing(a[name], b[name], here)
    elif a != b or type(a) is not type(b):
        yield path or "statement"


def _thawed(value: Json) -> Json:
    """Return plain lists and dicts, whatever kind of mapping or sequence the parts are."""
    if isinstance(value, Mapping):
        return {name: _thawed(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_thawed(item) for item in value]
    return value
