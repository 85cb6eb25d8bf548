"""An endpoint carries the rights of the account that stands behind it, as they are at each message (NO-7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwarden.access import queries as accounts
from modelwarden.access.allowed import readable
from modelwarden.access.rights import principal_of
from modelwarden.audit import actions as audit
from modelwarden.permissions import Permission
from modelwarden.store.change import View
from modelwarden.values.principal import Via

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.notify.endpoint import Endpoint


def owner_view(view: View, endpoint: Endpoint) -> View | None:
    """Return the same state as the endpoint's owner sees it, or None when that account may read no entry now."""
    actor = accounts.actor_by_id(view, endpoint.owner)
    if actor is None:
        return None
    own = View(
        view.connection,
        now=view.now,
        principal=principal_of(view, actor, via=Via.SYSTEM),
        around=view.around,
    )
    return own if audit.may_read_some(own) else None


def may_have(own: View, body: Mapping[str, Any]) -> bool:
    """Tell whether the owner may read this entry."""
    return audit.may_read(own, body)


def may_have_words(own: View) -> bool:
    """Tell whether the owner may read erasable words."""
    return readable(own, Permission.PERSONAL_READ)
