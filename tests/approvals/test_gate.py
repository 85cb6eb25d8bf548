"""Each condition of RL-33 denies by itself, with its code, and all are named when several fail."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.access.actor import Revocation
from modelwarden.approvals.decision import Answer, Custody
from modelwarden.approvals.external import ExternalEvidence
from modelwarden.approvals.gate import Approval, ArtifactNow, Case, Deployer, weigh
from modelwarden.approvals.request import RequestState, VoidCause
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.ids import Digest
from tests.approvals import sample
from tests.approvals.sample import ALICE, BOB, CAROL, DAVE, NOW, SHA

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from modelwarden.approvals.external import State
    from modelwarden.values.ids import PersonId

OTHER = "0" * 64


def with_request(**changed: object) -> Approval:
    whole = sample.approval()
    return dataclasses.replace(whole, request=dataclasses.replace(whole.request, **changed))


def seen_in_github(
    *,
    at: datetime | None = None,
    state: State = "passed",
    persons: frozenset[PersonId] | None = None,
) -> Case:
    whole = sample.case(systems=("github",))
    seen = ExternalEvidence(
        system="github",
        url="https://github.example/acme/churn/pull/7",
        sha256=Digest(OTHER),
        seen_at=at or whole.at,
        state=state,
        persons=frozenset({CAROL}) if persons is None else persons,
        why="as the test has it",
    )
    return dataclasses.replace(whole, external=(seen,))


def with_first(**changed: object) -> Approval:
    whole = sample.approval()
    first, second = whole.decisions
    return dataclasses.replace(whole, decisions=(dataclasses.replace(first, **changed), second))


def with_key(**changed: object) -> Approval:
    whole = sample.approval()
    keyid = whole.decisions[0].keyid
    key = dataclasses.replace(whole.keys[keyid], **changed)
    return dataclasses.replace(whole, keys={**whole.keys, keyid: key})


def rejected_seat() -> Approval:
    whole = sample.approval()
    key = SigningKey.generate()
    no = sample.decision(key, of=whole.request, answer=Answer.REJECT)
    return dataclasses.replace(
        whole,
        decisions=(no, whole.decisions[1]),
        keys={**whole.keys, key.keyid: sample.known(key, BOB)},
    )


def half_answered() -> Approval:
    whole = sample.approval()
    return dataclasses.replace(whole, decisions=whole.decisions[:1])


def linked_accounts() -> Approval:
    """Bob's account turned out to be carol's: his key and his decision are now hers."""
    whole = with_key(person=CAROL)
    return dataclasses.replace(whole, people={d.actor: CAROL for d in whole.decisions})


def test_allows_when_everything_holds() -> None:
    verdict = weigh(sample.case())
    assert (verdict.allow, verdict.codes) == (True, ())


CASES: dict[str, tuple[Callable[[], Case], str]] = {
    "nobody was asked": (lambda: sample.case(approval=None), "not_approved"),
    "still open": (
        lambda: sample.case(approval=with_request(state=RequestState.OPEN)),
        "not_approved",
    ),
    "rejected": (
        lambda: sample.case(approval=with_request(state=RequestState.REJECTED)),
        "not_approved",
    ),
    "void": (
        lambda: sample.case(
            approval=with_request(state=RequestState.VOID, cause=VoidCause.METRICS)
        ),
        "approval_void",
    ),
    "void because expired": (
        lambda: sample.case(
            approval=with_request(state=RequestState.VOID, cause=VoidCause.EXPIRED)
        ),
        "approval_expired",
    ),
    "its time has run out": (
        lambda: sample.case(at=NOW + timedelta(days=30)),
        "approval_expired",
    ),
    "a seat lacks its answer": (lambda: sample.case(approval=half_answered()), "not_approved"),
    "a seat said no": (lambda: sample.case(approval=rejected_seat()), "not_approved"),
    "the policy now wants a third person": (lambda: sample.case(humans=3), "not_approved"),
    "two accounts turned out to be one person": (
        lambda: sample.case(approval=linked_accounts()),
        "same_person",
    ),
    "an approver owns the model": (
        lambda: sample.case(
            approval=dataclasses.replace(sample.approval(), barred={"owner": frozenset({CAROL})})
        ),
        "self_approval",
    ),
    "the owner granted the approver's role": (
        lambda: sample.case(
            approval=dataclasses.replace(
                sample.approval(), granters={"usr_bob": frozenset({ALICE})}
            )
        ),
        "grant_from_participant",
    ),
    "one approver granted the other's role": (
        lambda: sample.case(
            approval=dataclasses.replace(
                sample.approval(), granters={"usr_bob": frozenset({CAROL})}
            )
        ),
        "grant_from_participant",
    ),
    "rolled back since": (
        lambda: sample.case(rolled_back_at=NOW + timedelta(minutes=5)),
        "rolled_back_since",
    ),
    "metrics changed": (
        lambda: sample.case(
            approval=dataclasses.replace(
                sample.approval(), basis=sample.moved_basis("evaluation", {"metrics": OTHER})
            )
        ),
        "approval_void",
    ),
    "the policy changed": (
        lambda: sample.case(
            approval=dataclasses.replace(
                sample.approval(), basis=sample.moved_basis("policy", {"governing": []})
            )
        ),
        "policy_changed",
    ),
    "the decision's row was altered": (
        lambda: sample.case(approval=with_first(issued_at=NOW + timedelta(seconds=1))),
        "signature_invalid",
    ),
    "the key is not registered": (
        lambda: sample.case(approval=dataclasses.replace(sample.approval(), keys={})),
        "signature_invalid",
    ),
    "the key is another person's": (
        lambda: sample.case(approval=with_key(person=DAVE)),
        "signature_invalid",
    ),
    "the key had ended": (
        lambda: sample.case(approval=with_key(valid_to=NOW - timedelta(days=1))),
        "signature_invalid",
    ),
    "the key was lost before": (
        lambda: sample.case(
            approval=with_key(revoked_at=NOW - timedelta(days=1), revoked_as=Revocation.LOST)
        ),
        "signature_invalid",
    ),
    "the key was compromised before": (
        lambda: sample.case(
            approval=with_key(revoked_at=NOW - timedelta(days=1), revoked_as=Revocation.COMPROMISED)
        ),
        "key_compromised",
    ),
    "the server signed for someone": (
        lambda: sample.case(approval=with_first(custody=Custody.TOKEN)),
        "signature_invalid",
    ),
    "the bytes are others": (
        lambda: sample.case(artifact=ArtifactNow(sha256=SHA, fingerprints=(f"sha256:{OTHER}",))),
        "artifact_mismatch",
    ),
    "the subject is another": (
        lambda: sample.case(
            artifact=ArtifactNow(sha256=OTHER, fingerprints=(f"sha256:{SHA}",))  # type: ignore[arg-type]
        ),
        "artifact_mismatch",
    ),
    "nobody can read it": (
        lambda: sample.case(artifact=ArtifactNow(unreadable="gone")),
        "artifact_unreadable",
    ),
    "it was never read": (
        lambda: sample.case(version=sample.version(subject_sha256=None, fingerprints=())),
        "artifact_unreadable",
    ),
    "staging was skipped": (lambda: sample.case(staged=False), "staging_missing"),
    "the model is retired": (lambda: sample.case(model_retired=True), "model_retired"),
    "the version is retired": (
        lambda: sample.case(version=sample.version(retired_at=NOW)),
        "version_retired",
    ),
    "the deployer may not": (
        lambda: sample.case(deployer=Deployer(person=DAVE, permitted=False)),
        "not_permitted",
    ),
    "another system was not read": (
        lambda: sample.case(systems=("github",)),
        "external_missing",
    ),
    "another system was read long ago": (
        lambda: seen_in_github(at=sample.case().at - timedelta(seconds=61)),
        "external_missing",
    ),
    "another system was read in the future": (
        lambda: seen_in_github(at=sample.case().at + timedelta(seconds=1)),
        "external_missing",
    ),
    "another system can't be read": (
        lambda: seen_in_github(state="unreadable"),
        "external_missing",
    ),
    "somebody wants changes in another system": (
        lambda: seen_in_github(state="changes_requested"),
        "external_changes_requested",
    ),
    "nobody agreed in another system": (
        lambda: seen_in_github(persons=frozenset()),
        "external_missing",
    ),
    "the requester alone agreed in another system": (
        lambda: seen_in_github(persons=frozenset({ALICE})),
        "external_missing",
    ),
    "an approver deploys": (
        lambda: sample.case(separate_deployer=True, deployer=Deployer(person=BOB, permitted=True)),
        "approver_deploys",
    ),
}


def test_allows_what_another_system_agreed_to_within_the_minute() -> None:
    assert weigh(seen_in_github()).allow
    assert weigh(seen_in_github(at=sample.case().at - timedelta(seconds=60))).allow


def test_what_the_policy_does_not_ask_of_another_system_weighs_nothing() -> None:
    assert weigh(dataclasses.replace(seen_in_github(state="missing"), systems=())).allow


@pytest.mark.parametrize("why", sorted(CASES))
def test_denies_with_the_code_of_the_condition_alone(why: str) -> None:
    build, code = CASES[why]
    verdict = weigh(build())
    assert (verdict.allow, verdict.codes) == (False, (code,))


def test_names_every_condition_that_fails() -> None:
    verdict = weigh(
        sample.case(
            approval=None,
            artifact=ArtifactNow(unreadable="gone"),
            deployer=Deployer(person=DAVE, permitted=False),
        )
    )
    assert verdict.codes == ("not_approved", "artifact_unreadable", "not_permitted")


def test_asks_only_the_rest_where_the_policy_wants_no_human() -> None:
    assert weigh(sample.case(humans=0, approval=None)).allow
    refused = weigh(sample.case(humans=0, approval=None, artifact=ArtifactNow(unreadable="gone")))
    assert refused.codes == ("artifact_unreadable",)


def test_an_approval_after_the_rollback_counts() -> None:
    assert weigh(sample.case(rolled_back_at=NOW - timedelta(seconds=1))).allow


def test_a_key_that_was_lost_or_replaced_later_leaves_the_signature_standing() -> None:
    later = {"revoked_at": NOW + timedelta(minutes=1)}
    for cause in Revocation:
        assert weigh(sample.case(approval=with_key(**later, revoked_as=cause))).allow


def test_an_approver_may_deploy_where_the_policy_does_not_separate_them() -> None:
    assert weigh(sample.case(deployer=Deployer(person=BOB, permitted=True))).allow


def test_an_envelope_with_one_altered_byte_denies() -> None:
    line = sample.approval().decisions[0].envelope
    place = line.index('"payload":"') + 40
    altered = line[:place] + ("A" if line[place] != "A" else "B") + line[place + 1 :]
    assert weigh(sample.case(approval=with_first(envelope=altered))).codes == ("signature_invalid",)
