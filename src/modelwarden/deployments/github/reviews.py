"""Which reviews of a pull request count, and what they come to (RL-47, RL-48). Pure.

Accounts are compared by GitHub's own numbers, which nobody can take over, never by names or addresses. What is unknown
counts for nobody and holds the release up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from modelwarden.approvals.external import Voice
from modelwarden.values.canonical import encode_any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from modelwarden.approvals.request import Json
    from modelwarden.values.ids import PersonId

LOCK_FILE: Final = "release.lock.json"
LOCKED: Final = ("subject", "artifact", "datasets", "evaluation", "documents", "policy")
"""Members of the statement that the file in the pull request repeats (RL-47)."""
WEB_FLOW: Final = 19864447
"""The account by which GitHub itself commits what people do on its pages."""

Verdict = Literal["passed", "missing", "changes_requested"]
SETTLING: Final[frozenset[str]] = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})
"""States of a review that say something; COMMENTED and PENDING hide none of them."""


class Account(NamedTuple):
    """An account at GitHub: its number, and whether a program acts by it."""

    number: int
    is_bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One review, as GitHub has it now: dismissing changes the state of the review itself.

    Attributes:
        number: grows with time.
        commit: what was reviewed; None where it is gone.
    """

    number: int
    by: Account | None
    state: str
    commit: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request, as far as it says who may agree.

    Attributes:
        head: the commit that would be merged, or was.
        takers: who wrote, co-wrote, committed, opened or pushed last; None stands for somebody unknown.
        lock: the bytes of `release.lock.json` at head; None where there is none.
    """

    head: str
    takers: frozenset[Account | None]
    lock: bytes | None
    reviews: tuple[Review, ...]


class Counted(NamedTuple):
    """What the reviews come to, who agreed, and why; no personal data in the words."""

    verdict: Verdict
    persons: frozenset[PersonId]
    why: str


def lock_file(request: str, *, version: str, environment: str, basis: Mapping[str, Json]) -> bytes:
    """Return what `release.lock.json` has to hold: what approvers of the request sign, as canonical JSON and one LF."""
    members = {name: basis[name] for name in LOCKED if name in basis}
    whole = {"request": request, "version": version, "environment": environment, **members}
    return encode_any(_plain(whole)) + b"\n"


def count(
    pull: PullRequest,
    *,
    expected: bytes,
    persons: Mapping[int, PersonId],
    gone: frozenset[int] = frozenset(),
) -> Counted:
    """Return what the reviews come to. `persons` is the identity map: number of an account → the person behind it.

    `gone` are accounts of people who are not active here: they neither agree nor block, but what they wrote is theirs.

    A person's no blocks whatever part they take and whichever commit they saw; a yes counts at head alone.
    """
    held_up = _held_up(pull, expected=expected, persons=persons)
    if held_up:
        return Counted("missing", frozenset(), held_up)
    barred = taking(pull, persons)
    latest = settled(pull.reviews)
    said = [(persons.get(n), review) for n, review in latest.items() if n not in gone]
    if any(who is not None and each.state == "CHANGES_REQUESTED" for who, each in said):
        return Counted("changes_requested", frozenset(), "a reviewer asks for changes")
    agreeing = {
        who
        for who, each in said
        if who is not None and each.state == "APPROVED" and each.commit == pull.head
    }
    counting = frozenset(agreeing - barred)
    if not counting:
        return Counted("missing", counting, _nobody(agreeing=bool(agreeing)))
    return Counted("passed", counting, f"{len(counting)} approve the head")


def voices(
    pull: PullRequest,
    *,
    expected: bytes,
    persons: Mapping[int, PersonId],
    gone: frozenset[int] = frozenset(),
) -> tuple[Voice, ...]:
    """Return each review with whether `count` counts it, and why, oldest first."""
    held_up = _held_up(pull, expected=expected, persons=persons)
    latest, barred = settled(pull.reviews), taking(pull, persons)
    found = []
    for each in sorted(pull.reviews, key=lambda review: (review.at, review.number)):
        person = None if each.by is None else persons.get(each.by.number)
        why = _not_counted(each, latest, persons=persons, gone=gone)
        if not why and each.state == "APPROVED":
            why = held_up or _no_yes(each, head=pull.head, takes_part=person in barred)
        found.append(
            Voice(
                account="" if each.by is None else str(each.by.number),
                person=person,
                said=each.state.lower(),
                counts=not why,
                why=why or _counting(each),
            )
        )
    return tuple(found)


def _held_up(pull: PullRequest, *, expected: bytes, persons: Mapping[int, PersonId]) -> str:
    """Return why no review of a pull request counts; nothing where they do."""
    if pull.lock is None:
        return f"the pull request has no {LOCK_FILE} at its head"
    if pull.lock != expected:
        return f"{LOCK_FILE} is not what approvers sign"
    people = [each for each in pull.takers if each is None or not each.is_bot]
    if any(each is None or each.number not in persons for each in people):
        return "a commit is by somebody whom the identity map does not know"
    return ""


def taking(pull: PullRequest, persons: Mapping[int, PersonId]) -> frozenset[PersonId]:
    """Return who wrote, opened or pushed it, as far as they are known."""
    people = [each for each in pull.takers if each is not None and not each.is_bot]
    return frozenset(persons[each.number] for each in people if each.number in persons)


def _not_counted(
    review: Review,
    latest: Mapping[int, Review],
    *,
    persons: Mapping[int, PersonId],
    gone: frozenset[int],
) -> str:
    """Return why a review says nothing, whatever it says; nothing where it is its account's word."""
    if review.by is None or review.by.is_bot:
        return "by a program" if review.by is not None else "GitHub does not say whose it is"
    if review.state not in SETTLING:
        return "a comment settles nothing"
    if latest[review.by.number] is not review:
        return "the account said something else later"
    if review.by.number not in persons:
        return "the identity map does not know the account"
    if review.by.number in gone:
        return "its person is not active here"
    return "it was dismissed" if review.state == "DISMISSED" else ""


def _no_yes(review: Review, *, head: str, takes_part: bool) -> str:
    """Return why an approval does not count though its account's does."""
    if review.commit != head:
        return "it is of another commit than the head"
    return "they wrote, opened or pushed it" if takes_part else ""


def _counting(review: Review) -> str:
    approves = review.state == "APPROVED"
    return "approves the head" if approves else "holds it up, whichever commit it is of"


def settled(reviews: Iterable[Review]) -> dict[int, Review]:
    """Return the latest review of each human's account that settles something, by the account's number."""
    found: dict[int, Review] = {}
    for each in sorted(reviews, key=lambda review: (review.at, review.number)):
        if each.by is not None and not each.by.is_bot and each.state in SETTLING:
            found[each.by.number] = each
    return found


def _nobody(*, agreeing: bool) -> str:
    if agreeing:
        return "those who approve wrote, opened or pushed it"
    return "nobody whom the identity map knows approves the head"


def _plain(value: Json) -> Json:
    """Return plain lists and dicts, whatever kind of mapping or sequence the parts are."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
