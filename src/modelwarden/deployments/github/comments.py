"""What people wrote in reviews of a pull request, to be copied to the request (RL-49). Copied once, as it was then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.deployments.github.pulls import items, understood
from modelwarden.deployments.github.site import time_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from modelwarden.deployments.github.site import Site

LONGEST: Final = 20_000
"""Characters; the rest of a longer one stays at GitHub."""


class Comment(NamedTuple):
    """A comment as it stands at GitHub: `review.<number>` or `comment.<number>`, and whose account wrote it."""

    id: str
    account: int
    words: str
    written_at: datetime


def written(site: Site, repository: str, number: int) -> list[Comment]:
    """Return what people wrote in reviews, oldest first. Raises ExternalUnreadable, Unreachable."""
    at = f"/repos/{repository}/pulls/{number}"
    reviews = site.pages(f"{at}/reviews?per_page=100")
    lines = site.pages(f"{at}/comments?per_page=100")
    with understood():
        found = [
            *_written("review", items(reviews), at="submitted_at"),
            *_written("comment", items(lines), at="created_at"),
        ]
    return sorted(found, key=lambda each: (each.written_at, each.id))


def _written(kind: str, found: Iterator[dict[str, Any]], *, at: str) -> Iterator[Comment]:
    for each in found:
        user, words = each["user"], _readable(each["body"] or "")
        if words and user is not None and user["type"] != "Bot" and each.get(at):
            yield Comment(f"{kind}.{int(each['id'])}", int(user["id"]), words, time_of(each[at]))


def _readable(words: str) -> str:
    """Return what can be kept of somebody's words: no control characters, no halves of characters."""
    return "".join(c for c in words if c.isprintable() or c in "\n\t").strip()[:LONGEST]
