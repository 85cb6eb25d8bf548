"""What a stop would hit, shown on the way: a stop waits for nothing (SG-7)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from modelwarden.errors import WardenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.cli.screen import Screen
    from modelwarden.values.previews import PreviewAnswer

GLANCE_S: Final = 0.25
"""How long a stop gives a preview to be there. What comes later is not shown, and the stop goes on."""


def glance(ask: Callable[[], PreviewAnswer], screen: Screen) -> None:
    """Show a preview if it is there at once; whatever goes wrong with it is not of interest now."""
    if screen.as_json:
        return
    found: list[PreviewAnswer] = []

    def look() -> None:
        try:
            found.append(ask())
        except (WardenError, OSError):
            return

    thread = threading.Thread(target=look, name="preview", daemon=True)
    thread.start()
    thread.join(GLANCE_S)
    for preview in found:
        say(preview, screen)


def say(found: PreviewAnswer, screen: Screen) -> None:
    """Say what a preview says, in words."""
    may = f", and perhaps {found.workers_unknown} more" if found.workers_unknown else ""
    screen.say(f"{found.workers_hit} of {found.workers} live guards{may}")
    if found.share is not None and found.share_at_most is not None:
        most = f" to {_percent(found.share_at_most)}" if found.unknown else ""
        screen.say(f"{_percent(found.share)}{most} of the last hour's {found.decisions} decisions")
    else:
        screen.say("no guard told of decisions in the last hour")
    if found.missing:
        screen.say(f"not known of some calls: {', '.join(found.missing)}")
    if found.silent:
        screen.say(f"{found.silent} guards tell nothing of their decisions")


def _percent(share: int) -> str:
    return f"{share / 100:g} %"
