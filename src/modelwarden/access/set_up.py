"""First run: a one-time link makes the first administrator; an embedding process may add people itself (AC-53)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.access import accounts, granting, permits, queries
from modelwarden.access.actor import ADMIN_DAYS_MOST
from modelwarden.access.tokens import NewToken, first_token
from modelwarden.errors import SetUpRefused
from modelwarden.facts.access import SetUpCompleted
from modelwarden.permissions import BuiltInRole
from modelwarden.store import first_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.access.actor import Actor
    from modelwarden.store.change import Change, Telemetry, View

LINK_MINUTES: Final = 30


def new_link(telemetry: Telemetry) -> str:
    """Return the secret of a fresh one-time link; only its keyed digest is kept."""
    secret = secrets.token_urlsafe(32)
    digest = telemetry.keyring.look_up("set_up", secret)
    first_run.keep_link(telemetry, digest, telemetry.now + timedelta(minutes=LINK_MINUTES))
    return secret


def needs_set_up(view: View) -> bool:
    """Tell whether nobody exists yet."""
    return not queries.has_actors(view)


def set_up(change: Change, *, secret: str, handle: str) -> NewToken:
    """Make the first administrator and return a token, shown once. Raises SetUpRefused.

    Runs as `system:set_up`: the link is the credential, works once, for 30 minutes, and only while nobody exists.
    """
    link = change.keyring.look_up("set_up", secret)
    if not first_run.use_link(change, link) or queries.has_actors(change):
        raise SetUpRefused(
            "this link was used or is over its 30 minutes; restart the server for a new one"
        )
    permits.begin_bootstrap(change)
    admin = accounts.add_user(change, handle)
    granting.grant(change, admin.id, BuiltInRole.ADMIN, days=ADMIN_DAYS_MOST)
    token = first_token(change, admin)
    change.record(SetUpCompleted(admin=admin.id))
    return token


def add_person(
    change: Change, handle: str, *, roles: Sequence[str] = (), email: str | None = None
) -> Actor:
    """Add a user with roles, vouched for by the embedding process, which owns the database (AC-5).

    Raises:
        HandleTaken, RoleUnknown, RoleConflict.
    """
    permits.begin_bootstrap(change)
    actor = accounts.add_user(change, handle, email=email)
    for role in roles:
        granting.grant(change, actor.id, role)
    return actor
