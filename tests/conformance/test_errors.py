"""What is refused is refused alike everywhere: the same class, code and status, and the entry that records it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden import errors
from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.places import AnyRooms, Company

PEM = SigningKey.generate().public_pem

REFUSED: tuple[tuple[str, str, Callable[[AnyRooms], object]], ...] = (
    ("alice", "ModelNotFound", lambda rooms: rooms.models.show("nothing")),
    ("alice", "ValueInvalid", lambda rooms: rooms.models.register("Not A Name")),
    ("alice", "VersionNotFound", lambda rooms: rooms.versions.show("churn", "0")),
    ("alice", "NotFound", lambda rooms: rooms.approvals.show("req_none")),
    ("alice", "NotFound", lambda rooms: rooms.deployments.show("dep_none")),
    ("alice", "PolicyNotFound", lambda rooms: rooms.policies.show("none")),
    ("alice", "NotPermitted", lambda rooms: rooms.users.add("eve")),
    ("alice", "NotPermitted", lambda rooms: rooms.models.retire("churn")),
    ("dave", "NothingToRollBackTo", lambda rooms: rooms.deployments.rollback("churn", reason="no")),
    ("dave", "GateRefused", lambda rooms: rooms.deployments.start("churn", "1")),
    ("dave", "StrategyUnknown", lambda rooms: rooms.deployments.start("churn", "1", strategy="x")),
    (
        "alice",
        "VersionExists",
        lambda rooms: rooms.versions.register("churn", "1", metrics={"a": 1}),
    ),
    ("alice", "ValueInvalid", lambda rooms: rooms.deployments.live("churn", environment="moon")),
    ("alice", "ModelNotFound", lambda rooms: rooms.versions.register("nothing", "1")),
    ("alice", "NotPermitted", lambda rooms: rooms.audit.verify()),
    ("frank", "SizeUnknown", lambda rooms: rooms.audit.consistency(10**6)),
    ("frank", "FilterInvalid", lambda rooms: rooms.audit.search(since="yesterday")),
    ("frank", "NotFound", lambda rooms: rooms.audit.show(10**6)),
    ("frank", "ValueInvalid", lambda rooms: rooms.audit.export(".")),
    ("root", "NotFound", lambda rooms: rooms.keys.confirm("00")),
    ("bob", "NotPermitted", lambda rooms: rooms.keys.confirm("00")),
    (
        "alice",
        "ChallengeInvalid",
        lambda rooms: rooms.keys.enrol_signed(PEM, challenge="chl_x", signature=bytes(64)),
    ),
    ("alice", "NotFound", lambda rooms: rooms.tokens.revoke("tok_none")),
    ("alice", "ExpiryNeeded", lambda rooms: rooms.tokens.create(days=10_000)),
    ("dave", "NotPermitted", lambda rooms: rooms.models.register("other")),
    ("alice", "ModelExists", lambda rooms: rooms.models.register("churn")),
    ("alice", "CursorInvalid", lambda rooms: rooms.models.list(cursor="€")),
    ("alice", "FilterInvalid", lambda rooms: rooms.models.list(limit=0)),
    ("alice", "RevisionConflict", lambda rooms: rooms.models.update("churn", team="x", revision=9)),
    (
        "alice",
        "JustificationMissing",
        lambda rooms: rooms.approvals.request("churn", "1", justification="no"),
    ),
    ("root", "HandleTaken", lambda rooms: rooms.users.add("alice")),
    ("root", "ActorNotFound", lambda rooms: rooms.users.show("nobody")),
    ("root", "RoleUnknown", lambda rooms: rooms.roles.grant("alice", "no_such_role")),
    ("root", "SelfGrant", lambda rooms: rooms.roles.grant("root", "operator")),
    ("root", "LastAdmin", lambda rooms: rooms.roles.revoke("root", "admin")),
    ("root", "PermitNeeded", lambda rooms: rooms.roles.grant("dave", "approver")),
    ("root", "PolicyInvalid", lambda rooms: rooms.policies.lint("name: [")),
    ("root", "RoleFixed", lambda rooms: rooms.roles.define("admin", permissions=["model.read"])),
)


@pytest.fixture(scope="module", autouse=True)
def _model(company: Company) -> None:
    alice = company.as_user("alice")
    alice.models.register(
        "churn", owner="alice", business_purpose="predicts which customers leave next month"
    )
    alice.versions.register("churn", "1")


@pytest.mark.parametrize(
    ("who", "kind", "act"), REFUSED, ids=[f"{kind}-{n}" for n, (_, kind, _) in enumerate(REFUSED)]
)
def test_it_is_refused_by_the_same_error(
    company: Company, who: str, kind: str, act: Callable[[AnyRooms], object]
) -> None:
    with pytest.raises(errors.WardenError) as caught:
        act(company.as_user(who))
    error, expected = caught.value, getattr(errors, kind)
    assert type(error) is expected, error
    assert (error.code, error.status) == (expected.code, expected.status)
    assert str(error)
    if isinstance(error, errors.Refusal):
        assert error.entry is not None
        assert isinstance(error.reasons, tuple)
