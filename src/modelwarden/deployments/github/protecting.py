"""Answering a deployment that waits for us: custom deployment protection rules (RL-49).

Which commit would run is read by API. It has to be the one that was reviewed, or as which that was merged, and the lock
file there has to be the request's own, for this environment; then the gate is asked, its bytes hashed anew.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from modelwarden.deployments.github.pulls import understood
from modelwarden.deployments.github.reviews import LOCK_FILE
from modelwarden.errors import ExternalUnreadable

if TYPE_CHECKING:
    from modelwarden.deployments.github.asking import Question, Told
    from modelwarden.deployments.github.site import Site
    from modelwarden.values.ids import RequestId

DEPLOYMENTS: Final = "deployments"
"""What the App has to be allowed to write."""
APPROVED, REJECTED = "approved", "rejected"
LONGEST: Final = 500


class Asks(Protocol):
    """What answering needs of who knows the requests."""

    def question(self, request: str) -> Question | None:
        """Return what to ask about a request; None where it is about no release."""
        ...

    def told(self, asked: Question, *, anew: bool) -> Told:
        """Return what the gate says now. Raises ExternalUnreadable, Unreachable."""
        ...


class Word(NamedTuple):
    """What to answer, and about which request, if one was found."""

    state: str
    comment: str
    request: RequestId | None = None


UNREAD: Final = Word(REJECTED, "The gate could not be read for an hour; run it again.")


def word_on(site: Site, repository: str, asks: Asks, *, run: int, environment: str) -> Word | None:
    """Return what to answer a run that waits for an environment; None where there is no such run.

    Raises ExternalUnreadable, Unreachable: then it goes on to wait.
    """
    at = f"/repos/{repository}"
    found = site.find(f"{at}/actions/runs/{run}")
    if found is None:
        return None
    with understood():
        commit = str(found.value["head_sha"])
        file = site.find(f"{at}/contents/{LOCK_FILE}?ref={commit}")
        lock = b"" if file is None else base64.b64decode(file.value["content"])
    asked = asks.question(_request_in(lock))
    if asked is None or asked.lock != lock:
        return Word(REJECTED, f"{LOCK_FILE} at this commit is no request's")
    request = asked.request
    if environment.lower() != request.environment.value:
        return Word(REJECTED, f"{request.id} is about {request.environment}", request.id)
    told = asks.told(asked, anew=True)
    if commit not in told.looked.commits:
        return Word(REJECTED, "this commit is not the one that was reviewed", request.id)
    if told.unread:
        raise ExternalUnreadable(f"{', '.join(told.unread)} can't be read")
    if told.verdict.allow:
        return Word(APPROVED, f"The gate allows {asked.version.name}.", request.id)
    codes = ", ".join(told.verdict.codes)
    return Word(REJECTED, f"The gate denies: {codes}"[:LONGEST], request.id)


def answer(site: Site, repository: str, word: Word, *, run: int, environment: str) -> bool:
    """Answer a run; tell whether it still waited. Raises ExternalUnreadable, Unreachable."""
    said = {"environment_name": environment, "state": word.state, "comment": word.comment}
    path = f"/repos/{repository}/actions/runs/{run}/deployment_protection_rule"
    return site.send("POST", path, said).is_done


def _request_in(lock: bytes) -> str:
    try:
        found = json.loads(lock)
    except (ValueError, RecursionError):
        return ""
    name = found.get("request") if isinstance(found, dict) else None
    return name if isinstance(name, str) and name.isprintable() else ""
