"""Signing an answer here: draw the comment's salt, compare the statement with what was meant, sign it (RL-25).

What cannot be seen here, the digests of the artifact and the metrics, is what the person signs for; whoever wants to
compare those too fetches the statement first (`approvals statement`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.approvals.statement import ATTESTATION, PAYLOAD_TYPE
from modelwarden.errors import NotCanonical, StatementChanged
from modelwarden.ledger.dsse import seal
from modelwarden.ledger.entry import commit_text
from modelwarden.values.canonical import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.ledger.keys import Signer

SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBallot:
    """An answer before it is signed."""

    request: str
    decision: str
    comment_salt: bytes
    comment_digest: str | None

    def signed(self, statement: bytes, key: Signer) -> bytes:
        """Return the envelope over a statement that says what was answered. Raises StatementChanged."""
        wrong = tuple(name for name, said, meant in self._compared(statement) if said != meant)
        if wrong:
            raise StatementChanged(wrong)
        return seal(PAYLOAD_TYPE, statement, key).to_line()

    def _compared(self, statement: bytes) -> tuple[tuple[str, object, object], ...]:
        """Return each field that is known here: its name, what the statement says, what was meant."""
        try:
            value = parse(statement)
        except NotCanonical:
            return (("encoding", True, False),)
        match value:
            case {"predicate": {"request": {"id": asked}, "approver": {**approver}}}:
                return (
                    ("predicate.request.id", asked, self.request),
                    ("predicate.approver.decision", approver.get("decision"), self.decision),
                    ("predicate.approver.comment", approver.get("comment"), self.comment_digest),
                )
            case _:
                return (("predicate", True, False),)


def ballot(request: str, decision: str, *, comment: str | None) -> DrawnBallot:
    """Draw the salt under which a comment is committed to."""
    salt = os.urandom(SALT_BYTES)
    digest = None if comment is None else commit_text(salt, comment).hex()
    return DrawnBallot(request=request, decision=decision, comment_salt=salt, comment_digest=digest)


def attested(data: bytes, key: Signer, *, version: str, said: Mapping[str, str | None]) -> str:
    """Return the envelope over a statement about that version which says just that. Raises StatementChanged."""
    try:
        value = parse(data)
    except NotCanonical as error:
        raise StatementChanged(("encoding",)) from error
    match value:
        case {"subject": [{"name": about}], "predicateType": kind, "predicate": {**predicate}}:
            meant = {"version": version, "kind": ATTESTATION, **said}
            told = {"version": about, "kind": kind} | {name: predicate.get(name) for name in said}
        case _:
            raise StatementChanged(("predicate",))
    if wrong := tuple(name for name in meant if meant[name] != told[name]):
        raise StatementChanged(wrong)
    return seal(PAYLOAD_TYPE, data, key).to_line().decode()
