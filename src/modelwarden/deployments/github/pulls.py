"""The pull request of a request at GitHub: found by its marker, or opened (RL-47).

It is a release's when its branch is `modelwarden/<request>` in the repository itself, no fork's, and its words hold
`modelwarden-request: <request>`. Whoever is killed half way finds what was made: nothing is made twice.
"""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from modelwarden.deployments.github.reviews import LOCK_FILE
from modelwarden.errors import ExternalUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelwarden.deployments.github.site import Page, Site
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import RequestId, VersionName

CREATED: Final = 201
NEEDED: Final = ("contents", "pull_requests")
"""What the App has to be allowed to write, so that pull requests are opened."""


class About(NamedTuple):
    """What a pull request is opened for."""

    request: RequestId
    version: VersionName
    environment: Environment
    lock: bytes


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """Raise ExternalUnreadable where an answer does not have its form."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ExternalUnreadable("github answers what is not understood") from error


def marked(site: Site, repository: str, request: str) -> list[dict[str, Any]]:
    """Return the pull requests of a request, whatever became of them. Raises ExternalUnreadable, Unreachable."""
    owner = repository.partition("/")[0]
    head = f"{owner}:{_branch(request)}"
    listed = site.pages(f"/repos/{repository}/pulls?state=all&head={head}&per_page=100")
    return [each for each in items(listed) if _is_ours(each, request)]


def opened(site: Site, repository: str, about: About, *, makes: bool) -> int | None:
    """Return the number of a request's pull request, made now if `makes`, unless one stands or was closed.

    None where there is none and the App may not write. Raises ExternalUnreadable, Unreachable.
    """
    with understood():
        numbers = [int(each["number"]) for each in marked(site, repository, about.request)]
        if numbers:
            return max(numbers)
        if not makes or not all(site.may_write(what) for what in NEEDED):
            return None
        onto = str(site.get(f"/repos/{repository}").value["default_branch"])
        _begin_branch(site, repository, about, onto=onto)
        _put_lock(site, repository, about)
        sent = site.send("POST", f"/repos/{repository}/pulls", _words(about, onto=onto))
        if sent.status != CREATED:
            raise ExternalUnreadable(f"github opens no pull request: status {sent.status}")
        return int(sent.page.value["number"])


def items(pages: Iterable[Page]) -> Iterator[dict[str, Any]]:
    """Yield what the pages of a list hold."""
    for page in pages:
        yield from page.value


def _begin_branch(site: Site, repository: str, about: About, *, onto: str) -> None:
    branch = _branch(about.request)
    if site.find(f"/repos/{repository}/git/ref/heads/{branch}") is not None:
        return
    from_ = site.get(f"/repos/{repository}/git/ref/heads/{quote(onto)}").value["object"]["sha"]
    made = {"ref": f"refs/heads/{branch}", "sha": str(from_)}
    sent = site.send("POST", f"/repos/{repository}/git/refs", made)
    if sent.status != CREATED:
        raise ExternalUnreadable(f"github makes no branch {branch}: status {sent.status}")


def _put_lock(site: Site, repository: str, about: About) -> None:
    """Commit the lock file to the branch, in the place of an earlier release's."""
    at, branch = f"/repos/{repository}/contents/{LOCK_FILE}", _branch(about.request)
    before = site.find(f"{at}?ref={branch}")
    if before is not None and base64.b64decode(before.value["content"]) == about.lock:
        return
    value = {
        "message": f"Lock the release of {about.version}",
        "content": base64.b64encode(about.lock).decode(),
        "branch": branch,
        **({} if before is None else {"sha": str(before.value["sha"])}),
    }
    sent = site.send("PUT", at, value)
    if not sent.is_done:
        raise ExternalUnreadable(f"github takes no {LOCK_FILE}: status {sent.status}")


def _words(about: About, *, onto: str) -> dict[str, object]:
    return {
        "title": f"Release {about.version} to {about.environment}",
        "head": _branch(about.request),
        "base": onto,
        "body": (
            f"Modelwarden asks whether {about.version} may go to {about.environment}. Approve this pull request if it"
            f" may; `{LOCK_FILE}` holds what is released, and stays as it is.\n\n"
            f"modelwarden-request: {about.request}\n"
        ),
    }


def _branch(request: str) -> str:
    return f"modelwarden/{request}"


def _is_ours(pull: dict[str, Any], request: str) -> bool:
    head, base = pull["head"], pull["base"]
    lines = (pull["body"] or "").splitlines()
    return bool(
        head["ref"] == _branch(request)
        and head["repo"] is not None
        and head["repo"]["id"] == base["repo"]["id"]
        and f"modelwarden-request: {request}" in (line.strip() for line in lines)
    )
