"""All routes under one, found by the first word of their path: trying a hundred patterns costs more than answering."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from modelwarden.api.bodies import StrictRoute

CHOSEN: Final = "modelwarden.route"
WORD: Final = 3
"""Where the word stands in `/api/governance/models/churn`, split at the slashes."""


class Index(BaseRoute):
    """Hands a call to the route that fits, among those of its word, in their order."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self.routes: Final = tuple(route for route in routes if isinstance(route, StrictRoute))
        self._by_word: dict[str, list[StrictRoute]] = {}
        for route in self.routes:
            self._by_word.setdefault(_word(route.path), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return how well a route fits: wholly, all but the method, or not."""
        nearly: tuple[Match, Scope] = Match.NONE, {}
        if scope["type"] != "http":
            return nearly
        for route in self._by_word.get(_word(scope["path"]), ()):
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, {**found, CHOSEN: route}
            if match is Match.PARTIAL and nearly[0] is Match.NONE:
                nearly = match, {**found, CHOSEN: route}
        return nearly

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the chosen route answer."""
        await scope[CHOSEN].handle(scope, receive, send)


def _word(path: str) -> str:
    words = path.split("/", WORD + 1)
    return words[WORD] if len(words) > WORD else ""
