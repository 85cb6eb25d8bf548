"""What stands around the content of each page: who reads, what is stopped, and the seal of the ledger."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from modelwarden.access.actions import handle_of
from modelwarden.audit import actions as audit
from modelwarden.console.words import gets_words, scope_words, span
from modelwarden.safeguards import actions
from modelwarden.safeguards.answers import switch_answer
from modelwarden.values.pages import Page

LIVE: Final = Page(limit=50)
"""Of so many live switches and open proposals a page knows; the badge says `50+` where there are more."""
HUES: Final = ("h20", "h40", "h90", "h150", "h190", "h262", "h300", "h340")
NAV: Final = (
    ("", (("Overview", "layout-dashboard", "/"),)),
    (
        "Releasing",
        (
            ("Models", "box", "/models"),
            ("Deployments", "rocket", "/deployments"),
            ("Approvals", "stamp", "/approvals"),
            ("Seats", "circle-check", "/seats"),
            ("Waivers", "shield-check", "/waivers"),
            ("Emergency changes", "triangle-alert", "/emergencies"),
            ("Try a policy", "clipboard-list", "/policies/dry-run"),
            ("Import a policy", "file-text", "/policies/import"),
        ),
    ),
    ("Using", (("Use cases", "target", "/use-cases"),)),
    (
        "Stopping",
        (
            ("Kill switches", "octagon-x", "/kill-switches"),
            ("Proposed switches", "zap", "/kill-switches/proposals"),
            ("Local stops", "power", "/local-stops"),
            ("History", "clock", "/kill-switches/history"),
        ),
    ),
    (
        "Watching",
        (
            ("Triggers", "activity", "/triggers"),
            ("Failure modes", "layers", "/failure-modes"),
            ("Drills", "target", "/drills"),
        ),
    ),
    (
        "Guards",
        (
            ("Guards", "server", "/guards"),
            ("Coverage", "shield-check", "/guards/coverage"),
        ),
    ),
    ("People", (("Identity map", "users", "/identities"),)),
    ("Reference", (("API reference", "file-text", "/api/docs"),)),
)


class Banner(NamedTuple):
    """What the banner says: the worst of what is stopped, and how much more is."""

    scope: str
    gets: str
    stood: str
    more: int
    switch: str


class Frame(NamedTuple):
    """The frame of one page for one reader.

    `live` are switches that are in force and `proposals` those that are proposed, as the room has them, newest first.
    """

    who: str
    hue: str
    live: tuple[Any, ...]
    more_live: bool
    proposals: tuple[Any, ...]
    banner: Banner | None
    seal: audit.Seal | None
    now: datetime


def frame_of(view: Any) -> Frame:  # noqa: ANN401  # a view
    """Return the frame for who reads."""
    who = handle_of(view, view.actor)
    live = actions.switches(view, LIVE, wanted=actions.SwitchFilter(live=True))
    return Frame(
        who=who,
        hue=HUES[sha256(who.encode()).digest()[0] % len(HUES)],
        live=live.items,
        more_live=live.next_cursor is not None,
        proposals=actions.proposals(view, LIVE).items,
        banner=_banner(view, live.items),
        seal=audit.seal(view),
        now=view.now,
    )


def _banner(view: Any, live: tuple[Any, ...]) -> Banner | None:  # noqa: ANN401  # a view
    if not live:
        return None
    worst = min(live, key=lambda switch: (not switch.is_everything, switch.severity))
    shown = switch_answer(view, worst)
    return Banner(
        scope=scope_words(shown),
        gets=gets_words(shown),
        stood=span((view.now - worst.activated_at).total_seconds()),
        more=len(live) - 1,
        switch=worst.id,
    )
