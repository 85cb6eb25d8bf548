"""What exactly is asked for by type `access`: the arguments in one form, as approvers sign them (AC-41)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.access.identities.identity import MAP, check
from modelwarden.access.queries import find_actor
from modelwarden.errors import ValueInvalid
from modelwarden.privacy import actions as privacy

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.approvals.request import Json
    from modelwarden.store.change import Change, View

FIELDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "role.grant": frozenset({"user", "role", "scope", "days"}),
        "identity.map": frozenset({"user", "issuer", "subject"}),
        "role.define": frozenset({"role", "permissions", "includes"}),
        "policy.publish": frozenset({"policy", "hash"}),
        "policy.assign": frozenset({"policy", "model", "environment"}),
        "server_key.rotate": frozenset({"purpose"}),
        "server_key.revoke": frozenset({"purpose", "key", "since"}),
    }
)
"""What a payload may name."""
WORD: Final = re.compile(r"[!-~]{1,128}")

EXACT: Final[Mapping[str, Callable[[View, Mapping[str, object]], Mapping[str, Json]]]] = (
    MappingProxyType(
        {
            privacy.ERASE: privacy.erasure_payload,
            privacy.RELEASE: privacy.hold_payload,
            privacy.CHANGE: privacy.retention_payload,
            privacy.UNLOCK: privacy.unlock_payload,
        }
    )
)
"""Actions whose room says what exactly is asked: what it adds or refuses, approvers need not look for themselves."""


def exact_payload(change: Change, action: str, payload: Mapping[str, Json]) -> dict[str, Json]:
    """Return the payload with a person named by id: handles are personal (LG-60)."""
    if action in EXACT:
        return dict(EXACT[action](change, payload))
    if unknown := sorted(set(payload) - FIELDS[action]):
        raise ValueInvalid("payload", f"only {', '.join(sorted(FIELDS[action]))}; not {unknown}")
    _check_words(payload)
    exact = dict(payload)
    if action == MAP:  # nobody signs what could never be carried out
        check(str(exact.get("issuer", "")), str(exact.get("subject", "")))
    if "user" in exact:
        named = find_actor(change, str(exact["user"]))
        if named is None:
            raise ValueInvalid("payload.user", "an actor by handle or id")
        exact["user"] = named.id
    return exact


def _check_words(value: object) -> None:
    """Refuse what could be a sentence: a payload is kept in clear, since approvers sign it (LG-60)."""
    match value:
        case Mapping():
            for key, item in value.items():
                _check_words(key)
                _check_words(item)
        case str() if not WORD.fullmatch(value):
            raise ValueInvalid("payload", "words without spaces, at most 128 characters each")
        case list() | tuple():
            for item in value:
                _check_words(item)
        case _:
            pass
