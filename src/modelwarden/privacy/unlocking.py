"""Texts from before a ledger began anew stay locked until two people list the erasures to apply again (LG-47).

The backup is older than what was lost: whoever was erased in between is back in it. Nobody can look that up, so
a request lists them, those who answer agree that the list is whole, and what it names is erased before anything opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import authorize, require_person
from modelwarden.errors import NotFound, ValueInvalid
from modelwarden.facts.privacy import TextsUnlocked
from modelwarden.permissions import Permission
from modelwarden.privacy.erasing import erased_again, human
from modelwarden.privacy.erasure import Scope
from modelwarden.privacy.permits import permit_for
from modelwarden.store import locked
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelwarden.access.actor import Actor
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId

UNLOCK: Final = "texts.unlock"
"""The action, as a request for it names it."""
MOST: Final = 500
NAMES: Final = frozenset({"identity", "authored"})


class Unlocked(NamedTuple):
    """What was erased again before texts opened, and what waits for a hold."""

    users: tuple[ActorId, ...]
    waiting: tuple[ActorId, ...]
    texts: int


def unlock_payload(view: View, asked: Mapping[str, object]) -> dict[str, list[str]]:
    """Return what a request exactly asks: whom to erase again, `identity` and `authored`; nobody is an empty list.

    Raises ValueInvalid, ActorNotFound, and NotFound where nothing is locked.
    """
    _require_locked(view)
    if set(asked) != NAMES:
        raise ValueInvalid("payload", "identity and authored: lists of users, empty for nobody")
    return _exact(*(_people(view, asked[name], field=name) for name in ("identity", "authored")))


def unlock_texts(
    change: Change, *, identity: Iterable[str], authored: Iterable[str], reason: str
) -> Unlocked:
    """Erase again what two people listed, and open all other texts from before; it needs their permit.

    Raises:
        NotPermitted, PermitNeeded, PermitSpent, PermitExpired, PayloadChanged.
        NotFound: nothing is locked.
        AccountActive: accounts of whom it erases have to be deactivated first.
    """
    authorize(change, Permission.ERASURE_REQUEST)
    require_person(change)
    _require_locked(change)
    some = _people(change, list(identity), field="identity")
    more = _people(change, list(authored), field="authored")
    permit = permit_for(change, UNLOCK, Digest(digest(_exact(some, more))))
    asked = [(each, Scope.IDENTITY) for each in some] + [(each, Scope.AUTHORED) for each in more]
    done = [
        erased_again(change, each, scope=scope, reason=reason, permit=permit)
        for each, scope in asked
    ]
    erased = [each for each in done if each is not None]
    found = Unlocked(
        users=tuple(sorted(each.user for each in erased)),
        waiting=tuple(sorted(each.user for each in erased if each.done_at is None)),
        texts=sum(each.texts for each in erased),
    )
    change.record(
        TextsUnlocked(
            users=tuple(sorted({each.id for each, _ in asked})), texts=found.texts, permit=permit
        )
    )
    return found


def _require_locked(view: View) -> None:
    if locked.before(view.connection) is None:
        raise NotFound("ledger with locked texts", view.keyring.origin)


def _people(view: View, names: object, *, field: str) -> list[Actor]:
    if not isinstance(names, list | tuple) or len(names) > MOST:
        raise ValueInvalid(field, f"a list of at most {MOST} users")
    found = {actor.id: actor for actor in (human(view, str(name)) for name in names)}
    return [found[each] for each in sorted(found)]


def _exact(identity: list[Actor], authored: list[Actor]) -> dict[str, list[str]]:
    return {"identity": [each.id for each in identity], "authored": [each.id for each in authored]}
