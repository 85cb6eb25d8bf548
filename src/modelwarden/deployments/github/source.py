"""GitHub as a source of evidence: the pull request of a release, read anew each time the gate asks (RL-47, RL-48).

A pull request is a release's when its branch is `modelwarden/<request>` in the repository itself, no fork's, and its
words hold `modelwarden-request: <request>`. One that moves while it is read is not believed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from modelwarden.access.actions import Known, known
from modelwarden.approvals.external import ExternalEvidence
from modelwarden.approvals.queries import find_request
from modelwarden.approvals.request import GOING_LIVE
from modelwarden.deployments.github.pulls import items, marked, understood
from modelwarden.deployments.github.reviews import (
    LOCK_FILE,
    WEB_FLOW,
    Account,
    PullRequest,
    Review,
    count,
    lock_file,
    taking,
    voices,
)
from modelwarden.deployments.github.site import time_of
from modelwarden.errors import ExternalUnreadable
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from modelwarden.approvals.external import Asked, State
    from modelwarden.deployments.github.site import Page, Site
    from modelwarden.store.change import View
    from modelwarden.values.ids import PersonId

T = TypeVar("T")
SYSTEM: Final = "github"
MOST_COMMITS: Final = 250
"""More GitHub does not list of a pull request, so nobody would know who wrote the rest."""
_CO_AUTHOR: Final = re.compile(r"^[ \t]*co-authored-by:(.*)$", re.IGNORECASE | re.MULTILINE)
_NUMBERED: Final = re.compile(r"<(\d{1,18})\+[^<>@\s]+@users\.noreply\.[^<>@\s]+>\s*$")


class Wanted(NamedTuple):
    """What the pull request of a request has to hold."""

    request: str
    lock: bytes


class Found(NamedTuple):
    """A pull request as it was read: what counts of it, its address, and the digest of all answers."""

    number: int
    pull: PullRequest
    merged: str | None
    url: str
    sha256: Digest


class Looked(NamedTuple):
    """What was seen of a request's pull request: what it is worth, and at which commit.

    Attributes:
        number: None where there is none, or several are.
        commits: the commit that was reviewed, first; and the one as which it was merged.
    """

    evidence: ExternalEvidence
    number: int | None = None
    commits: tuple[str, ...] = ()


class GitHub:
    """One repository, by an App that may read its pull requests and contents."""

    def __init__(
        self,
        site: Site,
        repository: str,
        *,
        issuer: str,
        view: Callable[[Callable[[View], Any]], Any],
        now: Callable[[], datetime],
    ) -> None:
        self._site, self._repository, self._issuer = site, repository, issuer
        self._view, self._now = view, now

    @property
    def repository(self) -> str:
        """Return `owner/name`."""
        return self._repository

    @property
    def site(self) -> Site:
        """Return the API as this reads it."""
        return self._site

    @property
    def issuer(self) -> str:
        """Return how the identity map calls this GitHub."""
        return self._issuer

    def evidence(self, asked: Asked) -> ExternalEvidence:
        """Return how a release stands at GitHub now. Raises ExternalUnreadable, Unreachable."""
        wanted = self._view(lambda view: _wanted(view, asked))
        if wanted is None:
            return self._said("missing", "nobody asked for an approval yet")
        return self.look(wanted).evidence

    def look(self, wanted: Wanted) -> Looked:
        """Return how a request's pull request stands now. Raises ExternalUnreadable, Unreachable."""
        with understood():
            number = self._number(wanted.request)
            if isinstance(number, str):
                return Looked(self._said("missing", number))
            found = self._read(number)
        persons, gone = self._persons(found.pull)
        counted = count(found.pull, expected=wanted.lock, persons=persons, gone=gone)
        evidence = replace(
            self._said(counted.verdict, counted.why, found=found, persons=counted.persons),
            parties=taking(found.pull, persons),
            voices=voices(found.pull, expected=wanted.lock, persons=persons, gone=gone),
        )
        commits = (found.pull.head, *([] if found.merged is None else [found.merged]))
        return Looked(evidence, found.number, commits)

    def _number(self, request: str) -> int | str:
        """Return the number of the request's pull request, or why there is none."""
        ours = [
            int(each["number"])
            for each in marked(self._site, self._repository, request)
            if each["state"] == "open" or each["merged_at"]
        ]
        if len(ours) > 1:
            return f"several pull requests are marked {request}"
        return ours[0] if ours else f"no pull request is marked {request}"

    def _read(self, number: int) -> Found:
        at = f"/repos/{self._repository}"
        before = self._site.get(f"{at}/pulls/{number}")
        pull = before.value
        head, branch = str(pull["head"]["sha"]), str(pull["head"]["ref"])
        reviews = self._site.pages(f"{at}/pulls/{number}/reviews?per_page=100")
        commits = self._site.pages(f"{at}/pulls/{number}/commits?per_page=100")
        lock = self._site.find(f"{at}/contents/{LOCK_FILE}?ref={head}")
        pushes = self._site.get(f"{at}/activity?ref=refs/heads/{branch}&per_page=100")
        if self._site.get(f"{at}/pulls/{number}").value["head"]["sha"] != head:
            raise ExternalUnreadable("the pull request moved while it was read; try again")
        listed = list(items(commits))
        if int(pull["commits"]) > MOST_COMMITS or len(listed) != int(pull["commits"]):
            raise ExternalUnreadable(f"the pull request has more than {MOST_COMMITS} commits")
        takers = {
            _account(pull["user"]),
            _pusher(pushes, head),
            *(each for commit in listed for each in _authors(commit)),
        }
        read = [before, *reviews, *commits, *([] if lock is None else [lock]), pushes]
        return Found(
            number,
            PullRequest(
                head=head,
                takers=frozenset(takers),
                lock=None if lock is None else base64.b64decode(lock.value["content"]),
                reviews=tuple(
                    _review(each) for each in items(reviews) if each["state"] != "PENDING"
                ),
            ),
            str(pull["merge_commit_sha"]) if pull["merged_at"] else None,
            str(pull["html_url"]),
            _digest(read),
        )

    def _persons(self, pull: PullRequest) -> tuple[dict[int, PersonId], frozenset[int]]:
        """Return whom the identity map knows, and who of them is not active any more."""
        numbers = {each.number for each in pull.takers if each is not None}
        numbers |= {review.by.number for review in pull.reviews if review.by is not None}
        subjects = [str(number) for number in numbers]
        found: dict[str, Known] = self._view(lambda view: known(view, self._issuer, subjects))
        return (
            {int(subject): each.person for subject, each in found.items()},
            frozenset(int(subject) for subject, each in found.items() if not each.is_active),
        )

    def _said(
        self,
        state: State,
        why: str,
        *,
        found: Found | None = None,
        persons: frozenset[PersonId] = frozenset(),
    ) -> ExternalEvidence:
        return ExternalEvidence(
            system=SYSTEM,
            url="" if found is None else found.url,
            sha256=_digest(()) if found is None else found.sha256,
            seen_at=self._now(),
            state=state,
            persons=persons,
            why=why,
        )


def lock_of(view: View, request_id: str) -> bytes | None:
    """Return what `release.lock.json` has to hold for a request about a release; None where there is none."""
    found = find_request(view, request_id)
    if found is None or found.version is None or found.type not in GOING_LIVE:
        return None
    return lock_file(
        found.id, version=found.version, environment=found.environment.value, basis=found.basis
    )


def issuer_of(base: str) -> str:
    """Return how the identity map calls the GitHub whose API is at an address."""
    parts = urlsplit(base)
    place = "github.com" if parts.netloc == "api.github.com" else parts.netloc
    return f"{parts.scheme}://{place}"


def _wanted(view: View, asked: Asked) -> Wanted | None:
    lock = None if asked.request is None else lock_of(view, asked.request)
    return None if asked.request is None or lock is None else Wanted(asked.request, lock)


def _account(user: dict[str, Any] | None) -> Account | None:
    return Account(int(user["id"]), user["type"] == "Bot") if user else None


def _review(each: dict[str, Any]) -> Review:
    return Review(
        number=int(each["id"]),
        by=_account(each["user"]),
        state=str(each["state"]),
        commit=each["commit_id"],
        at=time_of(str(each["submitted_at"])),
    )


def _authors(commit: dict[str, Any]) -> Iterator[Account | None]:
    yield _account(commit["author"])
    committer = _account(commit["committer"])
    if committer is None or committer.number != WEB_FLOW:
        yield committer
    for trailer in _CO_AUTHOR.findall(str(commit["commit"]["message"])):
        numbered = _NUMBERED.search(trailer)
        yield None if numbered is None else Account(int(numbered[1]))


def _pusher(pushes: Page, head: str) -> Account | None:
    """Return who brought the branch to its head; None where GitHub does not tell."""
    return next((_account(each["actor"]) for each in pushes.value if each["after"] == head), None)


def _digest(pages: Iterable[Page]) -> Digest:
    """Return the SHA-256 over the digests of the answers, in the order in which they were read."""
    parts = [hashlib.sha256(page.raw).hexdigest() for page in pages]
    return Digest(hashlib.sha256(json.dumps(parts).encode() if parts else b"").hexdigest())
