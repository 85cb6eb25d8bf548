"""Check a `release.intoto.jsonl` on another machine, without network or database (RL-28). Pure.

Proved are persons, seats, signatures, digests and times, against keys that the auditor trusts. Not proved, since a
statement can't carry it: who held which role, belonged to which group or had handed on the decision, and what happened
after the file was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from modelwarden.access.actor import Revocation
from modelwarden.approvals.decision import Answer
from modelwarden.approvals.signatures import KnownKey, read
from modelwarden.approvals.statement import ACCESS_APPROVAL, RELEASE_APPROVAL
from modelwarden.errors import (
    EnvelopeMalformed,
    KeyInvalid,
    NotCanonical,
    SignatureInvalid,
    ValueInvalid,
)
from modelwarden.ledger.dsse import Envelope, verify
from modelwarden.ledger.keys import PublicKey
from modelwarden.values.canonical import encode_any, parse
from modelwarden.values.clock import moment
from modelwarden.values.ids import PersonId

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

APPROVALS: Final = frozenset({RELEASE_APPROVAL, ACCESS_APPROVAL})
GATE_RESULT: Final = "https://in-toto.io/attestation/svr/v0.1"
TRUSTED: Final = frozenset({"keyid", "pem", "person", "valid_from", "valid_to", "revoked"})
"""Members of a key in `keys.json`."""

Members = Mapping[str, Any]


class Finding(NamedTuple):
    """One thing that was found; `line` counts from 1, 0 is the whole file. A note does not fail the check."""

    code: str
    line: int
    detail: str
    is_note: bool = False


class Signed(NamedTuple):
    """A line whose signature holds: the statement, and the key that made it."""

    line: int
    statement: Members
    key: KnownKey

    @property
    def predicate(self) -> Members:
        """Return what is said."""
        return cast("Members", self.statement["predicate"])

    @property
    def at(self) -> datetime:
        """Return when it was said, by its own account."""
        if self.is_gate:
            return moment(self.predicate["timeCreated"])
        return moment(self.predicate["time"]["issued_at"])

    @property
    def is_gate(self) -> bool:
        """Tell whether this is the gate's own word."""
        return bool(self.statement["predicateType"] == GATE_RESULT)


def trusted_keys(text: str) -> tuple[KnownKey, ...]:
    """Read `keys.json`: `[{keyid, pem, person, valid_from, valid_to, revoked: null | {at, as}}]`.

    A key whose person is null is the server's. Every member has to be there: one that is not, or that is spelt
    otherwise, would drop a revocation or make a person's key the server's. Raises ValueInvalid.
    """
    try:
        listed = cast("list[Members]", parse(text.encode()))
        return tuple(_trusted(listed[place]) for place in range(len(listed)))
    except (NotCanonical, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueInvalid("keys", "a JSON list of {keyid, pem, person, valid_from, …}") from error


def verify_release(
    data: bytes,
    *,
    trust: Collection[KnownKey],
    at: datetime,
    artifact_sha256: str | None = None,
    policy_hashes: Collection[str] | None = None,
) -> tuple[Finding, ...]:
    """Return everything that speaks against this release at a moment, and notes; no failure: it holds.

    Args:
        data: the file, as `release_file` gave it.
        at: the moment asked about.
        trust: keys of people, and the server's where its word should count.
        artifact_sha256: digest of the artifact at hand; without one, the subject is not compared.
        policy_hashes: policies that may govern; without any, they are not compared.
    """
    findings: list[Finding] = []
    signed: list[Signed] = []
    keys = {key.keyid: key for key in trust}
    if not data.endswith(b"\n"):
        findings.append(Finding("envelope_malformed", 0, "the last line has no line feed"))
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n"), 1):
        try:
            signed.append(_signed(number, line, keys))
        except (EnvelopeMalformed, SignatureInvalid, KeyInvalid) as error:
            findings.append(Finding(error.code, number, str(error)))
    approvals = [one for one in signed if not one.is_gate]
    for one in signed:
        findings += _one(one, at=at, artifact_sha256=artifact_sha256)
    findings += _together(approvals)
    findings += _policies(approvals, policy_hashes)
    findings += _gate_line(signed, approvals)
    return tuple(findings)


def _trusted(entry: Members) -> KnownKey:
    if set(entry) != TRUSTED:
        raise ValueError("a member is missing, or not known")
    revoked, end = entry["revoked"], entry["valid_to"]
    return KnownKey(
        keyid=str(entry["keyid"]),
        pem=str(entry["pem"]),
        person=None if entry["person"] is None else PersonId(str(entry["person"])),
        valid_from=moment(str(entry["valid_from"])),
        valid_to=None if end is None else moment(str(end)),
        revoked_at=None if revoked is None else moment(str(revoked["at"])),
        revoked_as=None if revoked is None else Revocation(str(revoked["as"])),
    )


def _signed(number: int, line: bytes, keys: Mapping[str, KnownKey]) -> Signed:
    envelope = read(line)
    key = keys.get(envelope.keyid)
    if key is None:
        raise SignatureInvalid(f"key {envelope.keyid[:16]}… is not among the trusted ones")
    verify(envelope, PublicKey.from_pem(key.pem))
    found = Signed(number, _statement(envelope), key)
    try:
        _check_members(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EnvelopeMalformed("the statement lacks members that it has to have") from error
    return found


def _check_members(signed: Signed) -> None:
    """Touch every member that is read later, so that its absence is told of this line."""
    _ = signed.at, _digests(signed.statement["subject"])
    if signed.is_gate:
        return
    _ = _approver(signed), moment(signed.predicate["time"]["expires_at"])
    policy = signed.predicate["policy"]
    _ = {one["hash"] for one in policy["governing"]}
    _ = {seat["seat"]: [of.startswith("person:") for of in seat["of"]] for seat in policy["seats"]}


def _statement(envelope: Envelope) -> Members:
    try:
        statement = parse(envelope.payload)
    except NotCanonical as error:
        raise EnvelopeMalformed(f"the payload is no strict JSON: {error}") from error
    if encode_any(statement) != envelope.payload or not isinstance(statement, Mapping):
        raise EnvelopeMalformed("the payload is not canonical (RFC 8785)")
    if statement.get("predicateType") not in {*APPROVALS, GATE_RESULT}:
        raise EnvelopeMalformed("the payload is neither an approval nor the gate's word")
    return statement


def _approver(signed: Signed) -> tuple[str, int, str]:
    """Return person, seat and answer. Raises KeyError, TypeError."""
    approver = signed.predicate["approver"]
    return approver["person"], approver["seat"], approver["decision"]


def _behind(signed: Signed) -> tuple[str, ...]:
    """Return who stands behind an answer: who gave it, and in whose stead (RL-18)."""
    approver = signed.predicate["approver"]
    return tuple(approver[name] for name in ("person", "delegator") if name in approver)


def _one(signed: Signed, *, at: datetime, artifact_sha256: str | None) -> Iterator[Finding]:
    """Look at one line by itself."""
    line, key = signed.line, signed.key
    if not key.was_valid(signed.at):
        yield Finding("key_expired", line, "the key was not valid when this was issued")
    if key.revoked_at is not None and key.revoked_at <= signed.at:
        code = "key_compromised" if key.revoked_as is Revocation.COMPROMISED else "key_expired"
        yield Finding(code, line, f"the key was revoked before: {key.revoked_as}")
    if signed.at > at:
        yield Finding("statement_stale", line, "it was issued after the moment asked about")
    subject = signed.statement["subject"]
    if artifact_sha256 is not None and _digests(subject) != {artifact_sha256}:
        yield Finding("artifact_mismatch", line, "the artifact at hand is not the one signed")
    if not signed.is_gate:
        yield from _as_approval(signed, at=at)


def _as_approval(signed: Signed, *, at: datetime) -> Iterator[Finding]:
    line = signed.line
    person, _, answer = _approver(signed)
    if signed.key.person is None:
        yield Finding("not_personal", line, f"the server signed in the stead of {person}", True)  # noqa: FBT003
    elif signed.key.person != person:
        yield Finding("key_not_yours", line, f"the key is not {person}'s")
    if len(_behind(signed)) > 1:
        yield Finding("delegated", line, f"in the stead of {_behind(signed)[1]}", True)  # noqa: FBT003
    if answer != Answer.APPROVE:
        yield Finding("rejected", line, f"{person} said {answer}")
    if at >= moment(signed.predicate["time"]["expires_at"]):
        yield Finding("approval_expired", line, "its time has run out")


def _together(approvals: list[Signed]) -> Iterator[Finding]:
    """Look at the answers together: one question, every seat once, each by another person."""
    if not approvals:
        yield Finding("not_approved", 0, "no approval in this file")
        return
    first = _question(approvals[0])
    for other in approvals[1:]:
        if _question(other) != first:
            yield Finding("statement_changed", other.line, "it answers another question")
    persons = Counter(person for one in approvals for person in set(_behind(one)))
    for person in sorted(person for person, count in persons.items() if count > 1):
        yield Finding("same_person", 0, f"{person} fills several seats")
    filled = Counter(_approver(one)[1] for one in approvals)
    for seat in approvals[0].predicate["policy"]["seats"]:
        if filled[seat["seat"]] != 1:
            yield Finding(
                "not_approved", 0, f"seat {seat['seat']} has {filled[seat['seat']]} answers"
            )
    yield from _named_seats(approvals)


def _named_seats(approvals: list[Signed]) -> Iterator[Finding]:
    for one in approvals:
        _, number, _ = _approver(one)
        person = _behind(one)[-1]
        claimants = [
            claimant
            for seat in one.predicate["policy"]["seats"]
            if seat["seat"] == number
            for claimant in seat["of"]
        ]
        named = all(claimant.startswith("person:") for claimant in claimants)
        if named and f"person:{person}" not in claimants:
            yield Finding("not_permitted", one.line, f"seat {number} is not for {person}")


def _policies(approvals: list[Signed], hashes: Collection[str] | None) -> Iterator[Finding]:
    if hashes is None:
        return
    for one in approvals:
        governing = {policy["hash"] for policy in one.predicate["policy"]["governing"]}
        if not governing or governing - set(hashes):
            yield Finding("policy_changed", one.line, "another policy governed this approval")


def _gate_line(signed: list[Signed], approvals: list[Signed]) -> Iterator[Finding]:
    """Look at the gate's own word: the server's, about the same bytes, at the end."""
    words = [one for one in signed if one.is_gate]
    if not words:
        yield Finding("no_gate", 0, "the gate has not spoken about it", True)  # noqa: FBT003
    for one in words:
        if one.key.person is not None:
            yield Finding("key_not_yours", one.line, "a person's key signed for the gate")
        if one is not signed[-1]:
            yield Finding("envelope_malformed", one.line, "the gate's word is not the last line")
        if approvals and one.statement["subject"] != approvals[0].statement["subject"]:
            yield Finding("artifact_mismatch", one.line, "the gate let other bytes pass")


def _question(signed: Signed) -> Members:
    """Return all that must be the same in every answer."""
    same = {name: value for name, value in signed.predicate.items() if name != "approver"}
    time = {"expires_at": signed.predicate["time"]["expires_at"]}
    kind, subject = signed.statement["predicateType"], signed.statement["subject"]
    return {**same, "time": time, "kind": kind, "subject": subject}


def _digests(subject: list[Members]) -> set[str]:
    return {str(one["digest"]["sha256"]) for one in subject}
