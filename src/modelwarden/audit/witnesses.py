"""What outside witnesses say of the ledger in a database (step 10 of section 6): a quorum, or another view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.errors import NoteInvalid, ProofInvalid, SettingInvalid
from modelwarden.ledger.checkpoint import open_note
from modelwarden.ledger.merkle import range_root
from modelwarden.ledger.result import Findings
from modelwarden.ledger.witness_policy import policy_problems
from modelwarden.store import entries, witnesses
from modelwarden.store.tiles import StoredNodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.result import Result
    from modelwarden.ledger.witness_policy import WitnessPolicy
    from modelwarden.store.change import View
    from modelwarden.store.witnesses import Differing


def with_witnesses(view: View, result: Result, keys: Sequence[VerifierKey]) -> Result:
    """Return the result with the quorum that the settings ask for, and what witnesses showed that differs."""
    findings = Findings()
    for found in witnesses.all_differing(view.connection):
        _hold_against(view, found, keys, findings)
    result = result.adding(findings.problems)
    try:
        policy = witnesses.read_policy(view.settings.ledger_witness_policy)
    except SettingInvalid as error:
        return result.adding(not_checked=(f"witnesses: {error}",))
    if policy is None:
        return result
    newest = entries.newest_checkpoint(view.connection)
    notes = (*witnesses.cosigned_notes(view.connection), *(() if newest is None else (newest,)))
    found_quorum = policy_problems(notes, policy, keys=keys)
    return result.adding(found_quorum.problems, not_checked=found_quorum.not_checked)


def witness_policy(view: View) -> WitnessPolicy | None:
    """Return the policy that the settings name, or None; `with_witnesses` tells of one that can't be read."""
    try:
        return witnesses.read_policy(view.settings.ledger_witness_policy)
    except SettingInvalid:
        return None


def _hold_against(
    view: View, found: Differing, keys: Sequence[VerifierKey], findings: Findings
) -> None:
    """Name a split view: a checkpoint that a trusted key signed and that is not of this ledger."""
    try:
        theirs = None if found.theirs is None else open_note(found.theirs, keys)
    except NoteInvalid:
        theirs = None
    if theirs is None:
        return  # a witness's mere word
    try:
        root = range_root(theirs.size, StoredNodes(view.connection))
    except (ProofInvalid, ValueError, IndexError, StopIteration):
        root = b""
    if root != theirs.root:
        detail = f"the witness {found.witness} holds a checkpoint of {theirs.size} entries with another root"
        findings.add("split_view", theirs.size - 1, detail)
