"""What doors call of the copies: verifying them, each by itself, and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.audit.answers import verification_answer
from modelwarden.ledger import steps
from modelwarden.sinks.verifying import Asked as Asked
from modelwarden.sinks.verifying import cross_check, verify_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelwarden.ledger.result import Result
    from modelwarden.values.answers import VerificationAnswer

ALONE: Final[Mapping[int, str]] = {
    steps.DERIVED: "a copy holds no head row, tiles or index of the database",
    steps.STRICT: "not asked for",
    steps.STATE: "a copy holds no governed rows",
}


def verify_copies(
    addresses: Sequence[str], asked: Asked, *, progress: Callable[[int], None] | None = None
) -> tuple[VerificationAnswer, ...]:
    """Verify what lies at each address; with several, the first answer says whether they agree.

    Raises SettingInvalid, KeyInvalid, WitnessPolicyInvalid, Unreadable.
    """
    found = [verify_copy(address, asked, progress=progress) for address in addresses]
    if len(addresses) > 1:
        agreed = cross_check(addresses, first=asked.first)
        found[0] = found[0].adding(agreed.problems)
    others = ["the copies, line by line"] if len(addresses) > 1 else []
    others += ["the witnesses of the policy"] if asked.policy is not None else []
    return tuple(_answer(result, others) for result in found)


def _answer(result: Result, others: Sequence[str]) -> VerificationAnswer:
    proved = {steps.ELSEWHERE: ", ".join(others)}
    left_out = dict(ALONE)
    if not others:
        left_out[steps.ELSEWHERE] = "nothing else was named"
    if any("(step 5)" in text for text in result.not_checked):
        left_out[steps.CHAIN] = "a static log holds no hashes of entries"
    return verification_answer(result, steps.steps(result, left_out=left_out, proved=proved))
