"""Rows of a warden's first days and of one-time secrets: bootstrap mode, set-up links, key challenges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, insert, select, update

from modelwarden.store.schema.access import bootstrap, challenges, set_up_links
from modelwarden.values.clock import moment, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.store.change import Change, Telemetry, View
    from modelwarden.values.ids import ActorId

_BOOTSTRAP: Final = select(bootstrap).where(bootstrap.c.id == 1)
_END_BOOTSTRAP: Final = update(bootstrap).where(bootstrap.c.id == 1).values(ended=True)
_BEGIN_BOOTSTRAP: Final = insert(bootstrap)
_CHALLENGE: Final = select(challenges).where(challenges.c.id == bindparam("id"))
_USE_CHALLENGE: Final = (
    update(challenges)
    .where(challenges.c.id == bindparam("which"), challenges.c.used.is_(False))
    .values(used=True)
)
_USE_LINK: Final = (
    update(set_up_links)
    .where(
        set_up_links.c.secret_digest == bindparam("which"),
        set_up_links.c.used.is_(False),
        set_up_links.c.expires_at > bindparam("now"),
    )
    .values(used=True)
)
_KEEP_LINK: Final = insert(set_up_links)
_KEEP_CHALLENGE: Final = insert(challenges)


def bootstrap_until(view: View) -> datetime | None:
    """Return the end of bootstrap mode, or None once it ended."""
    row = view.row(_BOOTSTRAP)
    return None if row is None or row.ended else moment(row.until)


def begin_bootstrap(change: Change, until: datetime) -> None:
    """Note until when sensitive actions may do without a permit."""
    change.execute(_BEGIN_BOOTSTRAP, {"id": 1, "until": timestamp(until), "ended": False})


def end_bootstrap(change: Change) -> None:
    """End bootstrap mode for good."""
    change.execute(_END_BOOTSTRAP)


def keep_link(telemetry: Telemetry, secret_digest: str, expires_at: datetime) -> None:
    """Keep the digest of a one-time set-up link."""
    row = {"secret_digest": secret_digest, "expires_at": timestamp(expires_at), "used": False}
    telemetry.execute(_KEEP_LINK, row)


def use_link(change: Change, secret_digest: str) -> bool:
    """Use up a set-up link; False when it is unknown, used or over."""
    return change.execute(_USE_LINK, {"which": secret_digest, "now": timestamp(change.now)}) == 1


def keep_challenge(
    telemetry: Telemetry, challenge_id: str, actor: ActorId, expires_at: datetime
) -> None:
    """Keep a challenge that was given out."""
    row = {"id": challenge_id, "actor": actor, "expires_at": timestamp(expires_at), "used": False}
    telemetry.execute(_KEEP_CHALLENGE, row)


def use_challenge(change: Change, challenge_id: str, actor: ActorId) -> bool:
    """Use up a challenge; False when it is unknown, another's, used or over."""
    row = change.row(_CHALLENGE, {"id": challenge_id})
    if row is None or row.actor != actor or moment(row.expires_at) <= change.now:
        return False
    return change.execute(_USE_CHALLENGE, {"which": challenge_id}) == 1
