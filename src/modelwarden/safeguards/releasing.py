"""Letting predictions go on: the gated act, which takes two people where the switch is grave (SG-10).

Until it is confirmed, a switch is enforced. Each act locks the switch's row first, so that of two people who confirm at
the same moment one does, and the other is told so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import acting_persons
from modelwarden.errors import NotFound
from modelwarden.facts.kinds import Code
from modelwarden.facts.safeguards import (
    RampMoved,
    SwitchReleased,
    SwitchReleaseRefused,
    SwitchReleaseRequested,
)
from modelwarden.safeguards import queries
from modelwarden.safeguards.activating import checked_words
from modelwarden.safeguards.authority import (
    authorize_keeping,
    authorize_release,
    check_duties,
    may_read,
    require_requester,
)
from modelwarden.safeguards.ramp import read_ramp
from modelwarden.safeguards.ramping import begun
from modelwarden.safeguards.reach import reach_of, registrable

if TYPE_CHECKING:
    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import Change
    from modelwarden.values.ids import ActorId, Commitment

CONFIRMED: Final = Code("confirmed")
REFUSED: Final = Code("refused")
WITHDRAWN: Final = Code("withdrawn")
TWO: Final = 2


def request_release(
    change: Change, switch_id: str, *, notes: str, verification: str | None = None
) -> Switch:
    """Ask to let predictions go on; the switch stays enforced until it is confirmed.

    Args:
        change: the change.
        switch_id: the switch.
        notes: why it may be released.
        verification: how it was made sure that the cause is gone.

    Raises NotFound, NotPermitted, ReasonRequired, SwitchNotActive.
    """
    switch = _locked(change, switch_id)
    authorize_release(change, switch)
    checked_words("notes", notes)
    if verification is not None:
        checked_words("verification", verification)
    return ask(change, switch, notes=notes, verification=verification)


def ask(change: Change, switch: Switch, *, notes: str, verification: str | None = None) -> Switch:
    """Ask for the release of a switch that is locked, for whoever was authorized. Raises SwitchNotActive."""
    words = change.text(notes.strip())
    asked = change.save(
        switch.request_release(
            by=change.actor,
            persons=acting_persons(change),
            notes=words,
            verification=None if verification is None else change.text(verification.strip()),
            at=change.now,
        )
    )
    change.record(
        SwitchReleaseRequested(
            switch=asked.id,
            environment=Code(asked.environment),
            models=registrable(reach_of(asked).models),
            severity=Code(asked.severity),
            humans=TWO if asked.needs_two else 1,
            notes=words,
            verification=asked.verification,
        )
    )
    return asked


def confirm_release(
    change: Change,
    switch_id: str,
    *,
    notes: str,
    ramp: str | None = None,
    bake: str | None = None,
) -> Switch:
    """Release a switch whose release was asked for, at once or in steps. Once released it never comes back.

    With `ramp`, such as "10,50,100", that many percent of callers are let go first; each step stands for `bake` at
    least, and the next one takes a verdict (SG-11). Until the last, who may refuse a release may take it all back.

    At SEV1, SEV2 and for a whole environment somebody else has to do it: not who asked, not the owner of a model that
    is stopped, at SEV1 not who activated it (SG-10).

    Raises:
        NotFound, NotPermitted, ReasonRequired, ReleaseNotRequested, SwitchNotActive, ValueInvalid.
        SelfRelease, OwnerRelease: who takes part in the case can't confirm.
    """
    steps = read_ramp(ramp, bake)
    switch = _locked(change, switch_id)
    authorize_release(change, switch)
    checked_words("notes", notes)
    switch.require_confirmable()
    check_duties(change, switch)
    words = change.text(notes.strip())
    if steps is not None:
        ramping = change.save(begun(switch, steps, by=change.actor, notes=words, at=change.now))
        tell_ramp(change, ramping, CONFIRMED, notes=words)
        return ramping
    released = change.save(switch.release(by=change.actor, notes=words, at=change.now))
    tell_released(change, released, notes=words)
    return released


def tell_ramp(
    change: Change, switch: Switch, cause: Code, *, notes: Commitment | None = None
) -> None:
    """Record where the ramp of a switch stands now."""
    change.record(
        RampMoved(
            switch=switch.id,
            environment=Code(switch.environment),
            models=registrable(reach_of(switch).models),
            cause=cause,
            step=0 if switch.ramp_step is None else switch.ramp_step + 1,
            steps=len(switch.ramp or ()),
            held=switch.held,
            notes=notes,
        )
    )


def tell_released(change: Change, released: Switch, *, notes: Commitment) -> None:
    """Record that a switch ended by its release."""
    change.record(
        SwitchReleased(
            switch=released.id,
            environment=Code(released.environment),
            models=registrable(reach_of(released).models),
            severity=Code(released.severity),
            requester=_requester(released),
            notes=notes,
        )
    )


def refuse_release(change: Change, switch_id: str, *, notes: str) -> Switch:
    """Keep a switch whose release was asked for; who may activate it may do this too.

    Raises NotFound, NotPermitted, ReasonRequired, ReleaseNotRequested, SwitchNotActive.
    """
    switch = _locked(change, switch_id)
    authorize_keeping(change, switch)
    checked_words("notes", notes)
    return keep(change, switch, REFUSED, notes)


def withdraw_release(change: Change, switch_id: str, *, notes: str | None = None) -> Switch:
    """Take one's own request back; the switch stays active.

    Raises NotFound, NotPermitted (somebody else asked), ReleaseNotRequested, SwitchNotActive.
    """
    switch = _locked(change, switch_id)
    authorize_release(change, switch)
    if notes is not None:
        checked_words("notes", notes)
    switch.require_requested()
    require_requester(change, switch)
    return keep(change, switch, WITHDRAWN, notes)


def keep(change: Change, switch: Switch, cause: Code, notes: str | None = None) -> Switch:
    """Put a locked switch back in force whole, and tell why. Raises ReleaseNotRequested, SwitchNotActive."""
    kept = change.save(switch.keep())
    change.record(
        SwitchReleaseRefused(
            switch=kept.id,
            environment=Code(kept.environment),
            models=registrable(reach_of(kept).models),
            cause=cause,
            requester=_requester(switch),
            notes=None if notes is None else change.text(notes.strip()),
        )
    )
    if switch.ramp is not None:
        tell_ramp(change, kept, cause)
    return kept


def _locked(change: Change, switch_id: str) -> Switch:
    """Return a switch, its row locked. Raises NotFound, also where it can't be read."""
    switch = queries.locked_switch(change, switch_id)
    if switch is None or not may_read(change, [switch]):
        raise NotFound("switch", switch_id)
    return switch


def _requester(switch: Switch) -> ActorId:
    if switch.requested_by is None:
        raise LookupError(f"{switch.id} is {switch.state} and names nobody who asked")
    return switch.requested_by
