"""After the tour: the server and the scoring server, up on what it made, until somebody ends them."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final

from modelwarden.tour.cast import ADMIN, SCORER
from modelwarden.tour.processes import Scoring, Server, free_port
from modelwarden.tour.scene import MODEL, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOK_S: Final = 0.5
"""How often to look whether both are still there."""
CASE: Final = '{"age": 24, "employed": 1, "citizen": 1, "checks": 0}'


def stay(folder: Path, *, port: int, wait: bool, say: Callable[[str], None]) -> None:
    """Start both servers, say where they are and how to sign in, and stop them on SIGINT or SIGTERM.

    Without `wait` they stop as soon as they are up. Raises TourFailed when one does not start, or ends by itself.
    """
    folder = folder.absolute()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    token, scorer = _tokens(folder)
    server = Server(folder, free_port(port))
    try:
        scoring = Scoring(folder, server.url, model=MODEL, token=scorer)
        try:
            _greet(server.url, scoring.url, token, say)
            while wait and not ended.wait(LOOK_S):
                server.require_alive()
                scoring.require_alive()
        finally:
            scoring.stop()
    finally:
        server.stop()
    say("Both servers are stopped. The folder stays.")


def _tokens(folder: Path) -> tuple[str, str]:
    """Return a fresh token of the administrator's, and one of the scoring account's; each good for a day."""
    with opened(folder) as warden:
        ada = warden.acting_as(ADMIN)
        own, other = ada.tokens.create(days=1), ada.tokens.create(user=SCORER, days=1)
    return own.secret or "", other.secret or ""


def _greet(url: str, scoring: str, token: str, say: Callable[[str], None]) -> None:
    say(f"A token of {ADMIN}'s, good for a day and shown this once:")
    say(f"  export MODELWARDEN_URL={url} MODELWARDEN_TOKEN={token}")
    say("With it, for example:")
    say("  modelwarden models list")
    say(f'  curl -H "Authorization: Bearer $MODELWARDEN_TOKEN" {url}/api/governance/models')
    say("The scoring server says which version answered:")
    say(f"  curl -d '{CASE}' {scoring}/score")
    say("Ctrl-C stops both.")
    say(f"Console: {url}/")
