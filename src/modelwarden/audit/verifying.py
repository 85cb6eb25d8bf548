"""Verification of the database, for people (LG-30): who may, steps 1 and 10, and what the ledger says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.audit import extent, queries
from modelwarden.audit.answers import verification_answer
from modelwarden.audit.evidence import check_evidence
from modelwarden.audit.witnesses import with_witnesses, witness_policy
from modelwarden.errors import (
    FilterInvalid,
    NoteInvalid,
    ProofInvalid,
    RangeTooLarge,
    RollbackSuspected,
)
from modelwarden.facts.kinds import Code, Outcome
from modelwarden.facts.ledger import LedgerVerificationFailed, LedgerVerified
from modelwarden.ledger import steps
from modelwarden.ledger.checkpoint import open_note, unverified_checkpoint
from modelwarden.ledger.elsewhere import Ours, end_problems
from modelwarden.ledger.keys import parse_vkey
from modelwarden.ledger.merkle import range_root
from modelwarden.ledger.result import Findings
from modelwarden.permissions import Permission
from modelwarden.store import entries, guard_file, server_keys
from modelwarden.store.elsewhere import hash_of, own_keys
from modelwarden.store.erasing import check_erased
from modelwarden.store.key_history import trust_of
from modelwarden.store.state import check_state
from modelwarden.store.tiles import StoredNodes
from modelwarden.store.verification import verify_ledger
from modelwarden.store.workers import ALONE
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.ledger.elsewhere import FarEnd
    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.result import Result
    from modelwarden.ledger.rotation import Trust
    from modelwarden.store.change import Change, View
    from modelwarden.store.guard_file import Signed
    from modelwarden.store.workers import Work
    from modelwarden.values.answers import VerificationAnswer

MOST_CODES: Final = 16


def require_verifier(view: View) -> None:
    """Refuse who may not verify, before copies are read for it. Raises NotPermitted."""
    authorize(view, Permission.AUDIT_VERIFY)


def verify_database(  # noqa: PLR0913  # what is asked for, how deep, and what is trusted
    view: View,
    *,
    first: int = 0,
    last: int | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    strict: bool = False,
    state: bool = False,
    trusted: Sequence[str] = (),
    remembered: Sequence[str] = (),
    copies: Sequence[FarEnd] = (),
    most: int | None = None,
    work: Work = ALONE,
) -> VerificationAnswer:
    """Verify entries `first` to `last`, or those of a time, ends included, with all that hangs on them.

    The server's own log key is trusted, and the verifier keys in `trusted`. Call it before anything else is read in
    this view: what was signed later than the view's state would look like a rollback. `strict` reads each body too:
    form, types, revisions, order of time (step 11); `state` compares governed rows and texts with their newest entries
    (step 12); both compare the search index. `remembered` are notes of checkpoints kept elsewhere, which the ledger has
    to extend, and `copies` what sinks hold, read before this view began (step 10). `most` limits how many entries may
    be asked for (LG-31); `work` says in how many processes to verify, and whom to tell.

    Raises NotPermitted, KeyInvalid, and FilterInvalid or RangeTooLarge for the range.
    """
    signed = _signed(view)  # first of all: see above
    authorize(view, Permission.AUDIT_VERIFY)
    trust = trusted_keys(view, [parse_vkey(text) for text in trusted])
    first, last = extent.numbers(view, first=first, last=last, since=since, until=until)
    _check_range(view, first, last, most)
    result = verify_ledger(
        view.connection,
        origin=view.keyring.origin,
        keys=trust.at(_newest_size(view)),
        first=first,
        last=last,
        strict=strict,
        index=state,
        work=work,
    )
    result = _with_older(view, result.adding(trust.problems), signed)
    result = _with_remembered(view, result, remembered, trust)
    result = with_witnesses(view, result, tuple(trust.most))
    result = _with_copies(view, result, copies)
    result = _with_state(view, result) if state else result
    reached = (f"sink {end.name}" for end in copies if end.unread is None)
    elsewhere = ("guard file", *["remembered checkpoint"] * len(remembered), *reached)
    asked = {steps.STRICT: strict, steps.STATE: state}
    return _in_steps(result, asked, keys=len(trusted), elsewhere=elsewhere)


def trusted_keys(view: View, trusted: Sequence[VerifierKey] = ()) -> Trust:
    """Return the log keys that count here: the server's own, those given, and all that these lead to (LG-64)."""
    keys = server_keys.current(view.connection, view.keyring)
    size = queries.last_entry(view) + 1
    pinned = [keys.log_key.verifier, *trusted]
    return trust_of(view.connection, pinned, below=size, policy=witness_policy(view))


def record_verification(change: Change, answer: VerificationAnswer) -> VerificationAnswer:
    """Record what a verification found. Raises NotPermitted."""
    authorize(change, Permission.AUDIT_VERIFY)
    if answer.ok:
        change.record(
            LedgerVerified(first=answer.first, last=answer.last, root=Digest(answer.root))
        )
        return answer
    codes = dict.fromkeys(Code(problem.code) for problem in answer.problems)
    change.record(
        LedgerVerificationFailed(
            first=answer.first,
            last=answer.last,
            problems=len(answer.problems),
            codes=tuple(codes)[:MOST_CODES],
        ),
        outcome=Outcome.FAILED,
    )
    return answer


def _in_steps(
    result: Result, asked: Mapping[int, bool], *, keys: int, elsewhere: Sequence[str]
) -> VerificationAnswer:
    named = f", and {keys} named by whoever verifies" if keys else ""
    told = steps.steps(
        result,
        left_out={number: "not asked for" for number, is_asked in asked.items() if not is_asked},
        given={steps.KEYS: f"this server's log key{named}"},
        proved={steps.ELSEWHERE: ", ".join(elsewhere)},
    )
    return verification_answer(result, told)


def _check_range(view: View, first: int, last: int | None, most: int | None) -> None:
    size = queries.last_entry(view) + 1
    if first > max(0, size - 1):
        raise FilterInvalid("first", "the number of an entry that is there")
    if most is None:
        return
    count = (size if last is None else min(last + 1, size)) - first
    if count > most:
        raise RangeTooLarge(
            f"these are {count:,} entries; up to {most:,} can be asked for here, or use the command line"
        )


def _signed(view: View) -> Signed | str | None:
    """Return what the guard file says, or why it can't be read."""
    path = view.settings.ledger_guard_file
    try:
        return None if path is None else guard_file.read(path)
    except RollbackSuspected as error:
        return str(error)


def _with_older(view: View, result: Result, signed: Signed | str | None) -> Result:
    """Return the result with the guard file held against the ledger (step 10)."""
    if signed is None:
        return result.adding(not_checked=("guard file: there is none",))
    findings = Findings()
    if isinstance(signed, str):
        findings.add("rolled_back", -1, signed)
    elif signed.origin != view.keyring.origin:
        findings.add("rolled_back", -1, f"the guard file is of another ledger, {signed.origin}")
    else:
        _hold_against(view, (signed.size, bytes.fromhex(signed.root)), "the guard file", findings)
    return result.adding(findings.problems)


def _newest_size(view: View) -> int:
    note = entries.newest_checkpoint(view.connection)
    return 0 if note is None else _size(note)


def _size(note: bytes) -> int:
    """Return the size that a note names, whoever signed it; 0 where it can't be read, which is named elsewhere."""
    try:
        return unverified_checkpoint(note).size
    except NoteInvalid:
        return 0


def _with_remembered(view: View, result: Result, notes: Sequence[str], trust: Trust) -> Result:
    """Return the result with checkpoints from elsewhere held against the ledger (step 10)."""
    findings = Findings()
    for text in notes:
        try:
            known = open_note(text.encode(), trust.at(_size(text.encode())))
        except NoteInvalid as error:
            findings.add("checkpoint_invalid", -1, f"the remembered checkpoint: {error}")
            continue
        _hold_against(view, (known.size, known.root), "the remembered checkpoint", findings)
    return result.adding(findings.problems)


def _with_copies(view: View, result: Result, copies: Sequence[FarEnd]) -> Result:
    """Return the result with what sinks hold compared with the ledger; what was not reached is named (step 10)."""
    if not copies:
        return result
    ours = Ours(
        size=queries.last_entry(view) + 1,
        keys_at=own_keys(view.connection, view.keyring),
        root_of=lambda size: _root_of(view, size),
        hash_of=lambda seq: hash_of(view.connection, seq),
    )
    problems = [problem for end in copies for problem in end_problems(end, ours)]
    unread = [f"sinks: {end.name}: {end.unread}" for end in copies if end.unread is not None]
    return result.adding(problems, not_checked=unread)


def _with_state(view: View, result: Result) -> Result:
    """Return the result with rows and texts held against their newest entries (step 12)."""
    found, unread = check_state(view.connection, view.keyring)
    evidence, unclear = check_evidence(view)
    result = result.adding(found.problems, count=found.count, not_checked=unread)
    erased = check_erased(view.connection)
    result = result.adding(erased.problems, count=erased.count)
    return result.adding(evidence.problems, count=evidence.count, not_checked=unclear)


def _hold_against(view: View, known: tuple[int, bytes], holder: str, findings: Findings) -> None:
    size, root = known
    if size and entries.entry(view.connection, size - 1) is None:
        detail = f"{holder} knows {size} entries, which are no longer all there"
        findings.add("rolled_back", size - 1, detail)
    elif _root_of(view, size) != root:
        detail = f"the first {size} entries are not those that {holder} knows"
        findings.add("rolled_back", size - 1, detail)


def _root_of(view: View, size: int) -> bytes:
    """Return the root that the ledger had at a size, by checkpoint or tiles; both were verified before."""
    note = entries.checkpoint_at(view.connection, size)
    try:
        if note is not None:
            return unverified_checkpoint(note).root
        return range_root(size, StoredNodes(view.connection))
    except (NoteInvalid, ProofInvalid, ValueError, IndexError):  # damaged: steps 2 and 8 name it
        return b""
