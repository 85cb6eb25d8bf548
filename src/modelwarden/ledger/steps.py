"""The numbered steps of a verification, and what each came to: proved, failed, not checked, or given (LG-30).

Made from a result, for every source alike. A problem's code says in which step it was found; so does the first word of
what was not checked. Whoever verifies adds what a source can't show, or was not asked for, and what was taken as given.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.ledger.result import Result


class Status(StrEnum):
    """What a step came to."""

    PROVED = "proved"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"
    GIVEN = "given"


class Step(NamedTuple):
    """One step and what it came to."""

    number: int
    name: str
    status: Status
    detail: str


KEYS, SIGNATURES, SEQUENCE, BODIES, CHAIN, TREE = range(1, 7)
PART, DERIVED, COVERED, ELSEWHERE, STRICT, STATE = range(7, 13)

NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        KEYS: "trusted keys",
        SIGNATURES: "checkpoint and manifest signatures",
        SEQUENCE: "no entry missing or twice",
        BODIES: "every body is the one hashed",
        CHAIN: "hash chain",
        TREE: "tree under every checkpoint",
        PART: "the range lies in the whole ledger",
        DERIVED: "head, tiles, search index",
        COVERED: "a checkpoint covers every entry",
        ELSEWHERE: "agrees with what is kept elsewhere",
        STRICT: "form, types, revisions, times",
        STATE: "governed rows and texts",
    }
)

CODES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "checkpoint_invalid": SIGNATURES,
        "manifest_invalid": SIGNATURES,
        "entry_missing": SEQUENCE,
        "entry_duplicated": SEQUENCE,
        "line_invalid": BODIES,
        "entry_altered": BODIES,
        "chain_broken": CHAIN,
        "root_mismatch": TREE,
        "proof_invalid": PART,
        "head_mismatch": DERIVED,
        "tile_mismatch": DERIVED,
        "index_mismatch": DERIVED,
        "rolled_back": ELSEWHERE,
        "sink_differs": ELSEWHERE,
        "split_view": ELSEWHERE,
        "witness_missing": ELSEWHERE,
        "entry_not_canonical": STRICT,
        "revision_gap": STRICT,
        "state_mismatch": STATE,
        "evidence_mismatch": STATE,
        "text_altered": STATE,
    }
)
"""In which step each code is found; any other is what a kind of sink found about itself: step 10."""

TOPICS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "unpinned": (KEYS, SIGNATURES),
        "unsigned": (SIGNATURES, TREE, PART, COVERED),
        "signatures": (SIGNATURES,),
        "completeness": (SEQUENCE,),
        "bodies": (BODIES,),
        "the hash": (CHAIN,),
        "the hashes": (CHAIN,),
        "chain": (CHAIN,),
        "roots": (TREE, PART),
        "later checkpoints": (TREE,),
        "older checkpoints": (TREE,),
        "tiles": (DERIVED,),
        "search index": (DERIVED,),
        "head": (DERIVED,),
        "guard file": (ELSEWHERE,),
        "sinks": (ELSEWHERE,),
        "witnesses": (ELSEWHERE,),
        "strict reading": (STRICT,),
        "state": (STATE,),
        "texts": (STATE,),
        "figures": (STATE,),
    }
)
"""How a line of `not_checked` begins, and the steps that it leaves open; one that begins otherwise leaves none."""

TAKEN: Final = "taken as given"
MORE: Final = "there are more problems than are listed"
UNSIGNED: Final = "by a checkpoint that no trusted key is shown to have signed"


def steps(
    result: Result,
    *,
    left_out: Mapping[int, str] = MappingProxyType({}),
    given: Mapping[int, str] = MappingProxyType({}),
    proved: Mapping[int, str] = MappingProxyType({}),
) -> tuple[Step, ...]:
    """Return the twelve steps.

    Args:
        result: what was found.
        left_out: steps that this source can't show or nobody asked for, and why.
        given: steps that rest on something taken as true, and on what.
        proved: what to say of a step that found nothing wrong.
    """
    failed = _failed(result)
    unchecked = _unchecked(result)
    is_cut = result.problem_count > len(result.problems)
    if result.signer is None:  # these rest on the newest checkpoint
        given = dict.fromkeys((TREE, PART, COVERED), UNSIGNED) | dict(given)
    made: list[Step] = []
    for number in NAMES:
        if number in failed:
            made.append(_step(number, Status.FAILED, failed[number]))
        elif number in left_out:
            made.append(_step(number, Status.NOT_CHECKED, left_out[number]))
        elif number in unchecked:
            is_given = all(text.endswith(TAKEN) for text in unchecked[number])
            status = Status.GIVEN if is_given else Status.NOT_CHECKED
            made.append(_step(number, status, "; ".join(unchecked[number])))
        elif is_cut:
            made.append(_step(number, Status.NOT_CHECKED, MORE))
        elif number in given:
            made.append(_step(number, Status.GIVEN, given[number]))
        else:
            made.append(_step(number, Status.PROVED, proved.get(number, "")))
    return tuple(made)


def step_of(code: str) -> int:
    """Return the step in which a code is found."""
    return CODES.get(code, ELSEWHERE)


def _step(number: int, status: Status, detail: str) -> Step:
    return Step(number, NAMES[number], status, detail)


def _failed(result: Result) -> dict[int, str]:
    """Return for each step with problems how many there are, and the first."""
    found: dict[int, list[str]] = {}
    for code, seq, detail in result.problems:
        place = f"{code} {seq}: " if seq >= 0 else f"{code}: "
        found.setdefault(step_of(code), []).append(place + detail)
    return {
        number: texts[0] if len(texts) == 1 else f"{texts[0]} (and {len(texts) - 1} more)"
        for number, texts in found.items()
    }


def _unchecked(result: Result) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for text in result.not_checked:
        for number in _topic(text):
            found.setdefault(number, []).append(text)
    if result.uncovered:
        found[COVERED] = [f"{result.uncovered} entries are newer than the newest checkpoint"]
    return found


def _topic(text: str) -> tuple[int, ...]:
    for topic, numbers in TOPICS.items():
        if text == topic or text.startswith((f"{topic}:", f"{topic} ")):
            return numbers
    return ()
