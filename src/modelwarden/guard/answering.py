"""What is answered once a call's verdict stands: the host's value, a fallback, or nothing (SG-26, SG-37)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.errors import ValueInvalid
from modelwarden.guard.begun import Begun, Verdict
from modelwarden.guard.decision import Decision, Status
from modelwarden.guard.fallback import BASELINE, LAST_KNOWN_GOOD, Answer, Asked
from modelwarden.guard.plan import allowed_steps, before_s
from modelwarden.guard.remembered import key_text

if TYPE_CHECKING:
    from modelwarden.guard.site import Site

BY_STEP: Final = {LAST_KNOWN_GOOD: Status.LAST_KNOWN_GOOD, BASELINE: Status.BASELINE}
"""Other steps, the host's own among them, answer with status `DEFAULT`; `step` has their name."""


def decided(site: Site, begun: Begun, answer: Answer | None) -> Decision:
    """Return the decision on a call whose verdict stands."""
    if begun.verdict is Verdict.DONE:
        return answered(site, begun)
    return refused(site, begun) if answer is None else fell(site, begun, answer)


def asked(site: Site, begun: Begun, *, with_inputs: bool = True) -> Asked:
    """Return what the fallback chain is asked."""
    try:
        key = None if begun.key is None else key_text(begun.key)
    except ValueInvalid:  # a key that is none has nothing remembered
        key = None
    return Asked(
        key=key,
        arguments=(begun.args, begun.kwargs) if with_inputs else None,
        names=allowed_steps(begun.match),
        is_killed=begun.plan.is_killed,
        before=before_s(begun.match),
        baselines=site.place.baselines(begun.plan.rules),
        check=begun.plan.check,
    )


def _settle(site: Site, begun: Begun, answer: Answer) -> Begun:
    """Take in what the chain answered; a switch that came meanwhile counts for it, too."""
    begun.verdict = Verdict.FALL
    rules = begun.plan.rules
    site.again(begun)
    refused = answer.step is None or begun.verdict is Verdict.BLOCK
    if begun.plan.rules is not rules and not refused:
        allowed = allowed_steps(begun.match)
        refused = (allowed is not None and answer.step not in allowed) or (
            answer.version is not None and begun.plan.is_killed(answer.version)
        )
    begun.reasons = (*begun.reasons, *(f"{step}:{why}" for step, why in answer.tried))
    if refused:
        begun.verdict = Verdict.BLOCK
    return begun


def fell(site: Site, begun: Begun, answer: Answer) -> Decision:
    """Return the decision that a fallback made."""
    if _settle(site, begun, answer).verdict is Verdict.BLOCK or answer.step is None:
        return refused(site, begun)
    return _decision(site, begun, BY_STEP.get(answer.step, Status.DEFAULT), answer)


def refused(site: Site, begun: Begun) -> Decision:
    """Return the decision that there is no value."""
    status = Status.LIMITED if begun.verdict is Verdict.LIMIT else Status.BLOCKED
    if status is Status.BLOCKED and begun.match.diverts:
        site.counts.stopped += 1
        site.counts.drilled_stopped += begun.struck is not None
    return _decision(site, begun, status, Answer(None, version=begun.version))


def answered(site: Site, begun: Begun) -> Decision:
    """Return the decision that the host's code made."""
    mine = Answer(None, begun.value, begun.version, clipped_from=begun.clipped_from)
    return _decision(site, begun, begun.status, mine)


def _decision(site: Site, begun: Begun, status: Status, answer: Answer) -> Decision:
    site.counts.end(status, begun.struck)
    if begun.reasons:
        site.counts.notice(begun.reasons)
    held = begun.held
    made = Decision(
        value=answer.value,
        status=status,
        reasons=begun.reasons,
        version=answer.version,
        switches=begun.match.switches,
        step=answer.step,
        age=answer.age_s,
        generation=held.generation,
        stale_s=max(0.0, site.now() - held.born),
        clipped_from=answer.clipped_from,
        drill=begun.struck is not None,
        retry_after_s=begun.retry_s,
    )
    site.place.tell(made)
    return made
