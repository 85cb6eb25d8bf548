"""One release as values: a version, a request with two seats, people with keys, and what they sign."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from modelwarden.approvals import statement as statements
from modelwarden.approvals.decision import Answer, Custody, Decision
from modelwarden.approvals.gate import Approval, ArtifactNow, Case, Deployer
from modelwarden.approvals.request import (
    ApprovalRequest,
    Rejection,
    RequestState,
    RequestType,
    Signing,
)
from modelwarden.approvals.signatures import KnownKey
from modelwarden.approvals.statement import PAYLOAD_TYPE, Approver
from modelwarden.ledger.dsse import Envelope, seal
from modelwarden.ledger.keys import SigningKey
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.version import Version
from modelwarden.values.ids import (
    ActorId,
    Commitment,
    DecisionId,
    Digest,
    FingerprintText,
    Label,
    ModelName,
    PersonId,
    RequestId,
    VersionName,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALICE, BOB, CAROL, DAVE = (PersonId(f"per_{n}") for n in ("alice", "bob", "carol", "dave"))
SEATS: Final = (("role:approver",), ("role:approver",))
POLICIES: Final = ({"name": "builtin/moderate", "version": 1, "hash": "d" * 64},)
SHA: Final = Digest("a" * 64)


def version(**changed: object) -> Version:
    whole = Version(
        name=VersionName("churn@1.4.0"),
        model=ModelName("churn"),
        label=Label("1.4.0"),
        registered_by=ActorId("usr_alice"),
        registered_person=ALICE,
        created_at=NOW - timedelta(days=3),
        content_digest=Digest("c" * 64),
        evaluation_digest=Digest("e" * 64),
        parameters_digest=Digest("f" * 64),
        fingerprints=(FingerprintText(f"sha256:{SHA}"),),
        subject_sha256=SHA,
        datasets=(
            {"name": "bureau-q3", "role": "training", "fingerprints": ["sha256:" + "b" * 64]},
        ),
    )
    return dataclasses.replace(whole, **changed)


def basis(of: Version | None = None, policies: object = POLICIES) -> dict[str, Any]:
    return dict(
        statements.release_basis(
            of or version(),
            policy=statements.policy_member(policies, SEATS),
            ledger={"size": 41, "root": "9" * 64},
        )
    )


def request(**changed: object) -> ApprovalRequest:
    whole = ApprovalRequest(
        id=RequestId("req_1"),
        type=RequestType.RELEASE,
        environment=Environment.PRODUCTION,
        requester=ActorId("usr_alice"),
        requester_person=ALICE,
        justification=Commitment("7" * 64),
        seats=SEATS,
        humans=2,
        signature=Signing.PERSONAL,
        rejection=Rejection.ANY,
        separate_deployer=False,
        void_on=("artifact", "datasets", "metrics", "card", "policy"),
        policies=POLICIES,
        basis=basis(),
        opened_at=NOW - timedelta(hours=1),
        expires_at=NOW + timedelta(days=30),
        model=ModelName("churn"),
        label=Label("1.4.0"),
        version=VersionName("churn@1.4.0"),
        strategy="direct",
    )
    return dataclasses.replace(whole, **changed)


def known(key: SigningKey, person: PersonId | None, **changed: object) -> KnownKey:
    whole = KnownKey(
        keyid=key.keyid,
        pem=key.public_pem,
        person=person,
        valid_from=NOW - timedelta(days=30),
        valid_to=NOW + timedelta(days=300),
    )
    return dataclasses.replace(whole, **changed)


def signed(
    key: SigningKey,
    *,
    of: ApprovalRequest | None = None,
    person: PersonId = BOB,
    seat: int = 0,
    at: datetime = NOW,
    answer: Answer = Answer.APPROVE,
) -> Envelope:
    of = of or request()
    approver = Approver(person=person, seat=seat, decision=answer)
    return seal(
        PAYLOAD_TYPE, statements.statement(of, of.basis, approver=approver, issued_at=at), key
    )


def decision(
    key: SigningKey,
    *,
    of: ApprovalRequest | None = None,
    person: PersonId = BOB,
    seat: int = 0,
    answer: Answer = Answer.APPROVE,
    **changed: object,
) -> Decision:
    of = of or request()
    envelope = signed(key, of=of, person=person, seat=seat, answer=answer)
    whole = Decision(
        id=DecisionId(f"dec_{seat}"),
        request=of.id,
        seat=seat,
        actor=ActorId(person.replace("per_", "usr_")),
        person=person,
        verdict=answer,
        comment=None,
        keyid=key.keyid,
        custody=Custody.PERSONAL,
        envelope=envelope.to_line().decode().strip(),
        envelope_digest=Digest(envelope.digest),
        issued_at=NOW,
        decided_at=NOW,
    )
    return dataclasses.replace(whole, **changed)


def approval(**changed: object) -> Approval:
    """Bob and carol have agreed, each with an own key."""
    of = request(state=RequestState.APPROVED, closed_at=NOW)
    keys = {BOB: SigningKey.generate(), CAROL: SigningKey.generate()}
    given = tuple(
        decision(key, of=of, person=person, seat=seat)
        for seat, (person, key) in enumerate(keys.items())
    )
    whole = Approval(
        request=of,
        decisions=given,
        basis=basis(),
        keys={key.keyid: known(key, person) for person, key in keys.items()},
        people={d.actor: d.person for d in given},
        barred={"requester": frozenset({ALICE}), "owner": frozenset({ALICE})},
        granters={d.actor: frozenset({DAVE}) for d in given},
    )
    return dataclasses.replace(whole, **changed)


def case(**changed: object) -> Case:
    """Everything holds: the gate allows."""
    whole = Case(
        at=NOW + timedelta(hours=1),
        version=version(),
        model_retired=False,
        humans=2,
        separate_deployer=False,
        artifact=ArtifactNow(sha256=SHA, fingerprints=(f"sha256:{SHA}",)),
        deployer=Deployer(person=DAVE, permitted=True),
        approval=approval(),
    )
    return dataclasses.replace(whole, **changed)


def moved_basis(member: str, value: object) -> Mapping[str, Any]:
    return {**basis(), member: value}
