"""How much of a ledger the witnesses of a policy have seen, for whoever is about to restore a backup (LG-46, step 2).

What a witness shows counts only if a key of ours signed it. All are asked at once, each for fifteen seconds at most;
one that does not answer keeps nobody from restoring, and is named.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from modelwarden.errors import NoteInvalid, SettingInvalid, Unreachable
from modelwarden.ledger.checkpoint import open_note
from modelwarden.sinks.witness import WitnessClient
from modelwarden.store.catching_up import Known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.witness_policy import Witness, WitnessPolicy


class Sizes(NamedTuple):
    """What witnesses know, and of each other one in a sentence why that is not known."""

    known: tuple[Known, ...] = ()
    unheard: tuple[str, ...] = ()


def ask_sizes(policy: WitnessPolicy, origin: str, keys: Sequence[VerifierKey]) -> Sizes:
    """Ask each witness for the newest checkpoint that it cosigned of a ledger; `keys` are log keys of ours."""
    if not policy.witnesses:
        return Sizes()
    with ThreadPoolExecutor(len(policy.witnesses), "modelwarden-witness-size") as pool:
        found = list(pool.map(lambda each: _asked(each, origin, keys), policy.witnesses))
    known = [each for each in found if isinstance(each, Known)]
    return Sizes(
        tuple(dict.fromkeys(known)), tuple(each for each in found if isinstance(each, str))
    )


def _asked(witness: Witness, origin: str, keys: Sequence[VerifierKey]) -> Known | str:
    named = f"the witness {witness.name}"
    if witness.url is None:
        return f"{named} was not asked: the policy names no address for it"
    try:
        with closing(WitnessClient(witness.url, [witness.key])) as client:
            note = client.held(origin)
        if note is None:
            return f"{named} knows nothing of {origin}"
        checkpoint = open_note(note, keys)
    except (Unreachable, SettingInvalid) as error:
        return f"{named} could not be asked: {error}"
    except NoteInvalid as error:
        return f"{named} shows a checkpoint that does not count: {error}"
    return Known(checkpoint.size, checkpoint.root, named)
