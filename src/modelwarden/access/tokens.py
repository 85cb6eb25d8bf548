"""Actions on tokens: issue, rotate, revoke, and hand in one that was found in the open."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.access import queries
from modelwarden.access.accounts import actor_named
from modelwarden.access.actor import OVERLAP_MOST, Actor, Token, token_end
from modelwarden.access.allowed import authorize, current, readable
from modelwarden.access.credentials import is_well_formed, new_token
from modelwarden.errors import ActorNotFound, ExpiryNeeded, NotFound, NotPermitted, ValueInvalid
from modelwarden.facts.access import TokenIssued, TokenReported, TokenRevoked, TokenRotated
from modelwarden.facts.kinds import Code
from modelwarden.permissions import Permission
from modelwarden.values.ids import TokenId
from modelwarden.values.principal import ActorStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId
    from modelwarden.values.pages import Listing, Page


_ALL: Final = tuple(permission.value for permission in Permission)
_EVERYWHERE: Final = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token with its secret, which is shown this once and kept nowhere."""

    token: Token
    secret: str

    def __repr__(self) -> str:
        return f"NewToken({self.token.id}, secret hidden)"


def create_token(
    change: Change,
    *,
    user: str | None = None,
    scopes: Sequence[str] | None = None,
    days: int | None = None,
    networks: Sequence[str] = (),
) -> NewToken:
    """Issue a token. Rights never exceed the owner's (AC-12).

    One that is issued for another person is lent: whoever issued it could act with it, so it never stands in for
    a signature, nor does any token issued with it (RL-31).

    A token may decide only if its scopes name `approval.decide` (AC-51).

    Raises:
        NotPermitted, ActorNotFound, ExpiryNeeded, ValueInvalid.
    """
    actor = _receiver(change, user or change.actor)
    if actor.id == change.actor or not readable(change, Permission.TOKEN_ISSUE_OTHER):
        scopes, networks = _within_own(change, scopes, networks)
    return _issue(
        change,
        actor,
        scopes=_checked_scopes(scopes),
        ends=token_end(change.now, days),
        networks=networks,
    )


def rotate_token(change: Change, token_id: str, *, overlap_minutes: int = 0) -> NewToken:
    """Replace a token by one of equal scopes and life; the old one works until the overlap ends (AC-51).

    Raises:
        NotPermitted: it is another's, or reaches further than the token that asks.
        NotFound, ExpiryNeeded, ValueInvalid.
    """
    old = _own_or_managed(change, token_id)
    actor = actor_named(change, old.actor)
    if actor.id == change.actor or not readable(change, Permission.TOKEN_ISSUE_OTHER):
        _within_own(change, old.scopes or _ALL, old.networks or _EVERYWHERE)
    if not timedelta(0) <= timedelta(minutes=overlap_minutes) <= OVERLAP_MOST:
        raise ExpiryNeeded("the old token works on for 0 to 1,440 minutes")
    if not old.is_valid(change.now):
        raise NotFound("token", token_id)
    life = old.expires_at - old.created_at
    new = _issue(change, actor, scopes=old.scopes, ends=change.now + life, networks=old.networks)
    ends_at = min(
        old.expires_at,
        old.revoked_at or old.expires_at,  # an overlap that runs is never drawn out
        change.now + timedelta(minutes=overlap_minutes),
    )
    change.save(replace(old, revoked_at=ends_at))
    queries.raise_epoch(change, old.actor)
    change.record(
        TokenRotated(token=old.id, successor=new.token.id, user=old.actor, ends_at=ends_at)
    )
    return new


def revoke_token(change: Change, token_id: str) -> Token:
    """End a token at once: one's own, or another's with `token.issue_other`. Raises NotFound."""
    token = _own_or_managed(change, token_id)
    if not token.is_valid(change.now):
        change.unchanged("token", token.id)
        return token
    return _revoke(change, token, reported=False)


def report_token(change: Change, secret: str) -> bool:
    """Revoke a token that anybody found in the open; whoever holds the secret may hand it in.

    Returns:
        Whether it was one of ours and still worked. An unknown one records nothing.
    """
    token = queries.token_by_secret(change, secret) if is_well_formed(secret) else None
    if token is not None:
        queries.lock_epoch(change, token.actor)
        token = queries.token(change, token.id)
    if token is None or not token.is_valid(change.now):
        raise NotFound("token", "reported")
    _revoke(change, token, reported=True)
    return True


def tokens(view: View, page: Page, *, user: str | None = None) -> Listing[Token]:
    """Return a page of one's own tokens, or another's with `token.issue_other`. Never the secrets."""
    actor = queries.find_actor(view, user or current(view).actor)
    if actor is None or view.actor not in (actor.id, actor.owner):
        authorize(view, Permission.TOKEN_ISSUE_OTHER)
    if actor is None:
        raise ActorNotFound("actor", user or view.actor)
    return queries.tokens_page(view, actor.id, page)


def first_token(change: Change, actor: Actor, *, days: int | None = None) -> NewToken:
    """Issue the first administrator's token, at set-up."""
    return _issue(change, actor, scopes=None, ends=token_end(change.now, days), networks=())


def _issue(
    change: Change,
    actor: Actor,
    *,
    scopes: Sequence[str] | None,
    ends: datetime,
    networks: Sequence[str],
) -> NewToken:
    secret = new_token(actor.kind)
    token = change.save(
        Token(
            id=TokenId(change.new_id("tok")),
            actor=actor.id,
            secret_digest=change.keyring.look_up("token", secret),
            scopes=None if scopes is None else tuple(sorted(set(scopes))),
            networks=tuple(_network(each) for each in networks),
            issued_by=_issuer(change, actor),
            created_at=change.now,
            expires_at=ends,
        )
    )
    change.record(
        TokenIssued(
            token=token.id,
            user=actor.id,
            scopes=tuple(Code(scope) for scope in token.scopes or ()),
            expires_at=token.expires_at,
        )
    )
    return NewToken(token, secret)


def _revoke(change: Change, token: Token, *, reported: bool) -> Token:
    token = change.save(replace(token, revoked_at=change.now))
    queries.raise_epoch(change, token.actor)
    fact = TokenReported if reported else TokenRevoked
    change.record(fact(token=token.id, user=token.actor))
    return token


def _receiver(change: Change, name: str) -> Actor:
    """Return whom a token may be issued for: oneself, a program of one's own, or one that one manages."""
    actor = queries.find_actor(change, name)
    if actor is not None and change.actor in {actor.id, actor.owner}:
        authorize(change, Permission.TOKEN_ISSUE_SELF)
    else:
        authorize(change, Permission.TOKEN_ISSUE_OTHER)
    if actor is None:
        raise ActorNotFound("actor", name)
    if actor.status is ActorStatus.DEACTIVATED:
        raise ValueInvalid("user", "an account that was not deactivated")
    return actor


def _issuer(change: Change, actor: Actor) -> ActorId:
    """Return who could act with the new token: whoever issued the credential in use passes on to what it issues."""
    lent_by = change.principal.lent_by
    return lent_by if lent_by is not None and actor.id == change.actor else change.actor


def _within_own(
    change: Change, scopes: Sequence[str] | None, networks: Sequence[str]
) -> tuple[Sequence[str] | None, Sequence[str]]:
    """Return scopes and networks that reach no further than the token that asks, whose own are the default (AC-12)."""
    mine, places = change.principal.token_scopes, change.principal.networks
    if mine is not None:
        scopes = sorted(mine) if scopes is None else scopes
    networks = networks or places
    wider = mine is not None and set(scopes or ()) - mine
    if wider or (places and not all(_lies_in(network, places) for network in networks)):
        raise NotPermitted(
            "a token that was cut down makes none that reaches further",
            reasons=("not_in_token_scope",),
        )
    return scopes, networks


def _lies_in(network: str, places: Sequence[str]) -> bool:
    inner = ipaddress.ip_network(_network(network))
    outer = [ipaddress.ip_network(place) for place in places]
    return any(
        inner.version == place.version and inner.subnet_of(place)  # type: ignore[arg-type]
        for place in outer
    )


def _own_or_managed(change: Change, token_id: str) -> Token:
    token = queries.token(change, token_id)
    if token is None:
        raise NotFound("token", token_id)
    queries.lock_epoch(change, token.actor)
    token = queries.token(change, token_id) or token  # as it is behind the lock
    actor = actor_named(change, token.actor)
    if change.actor not in {actor.id, actor.owner}:
        authorize(change, Permission.TOKEN_ISSUE_OTHER)
    else:
        authorize(change, Permission.TOKEN_ISSUE_SELF)
    return token


def _checked_scopes(scopes: Sequence[str] | None) -> Sequence[str] | None:
    unknown = sorted(set(scopes or ()) - {permission.value for permission in Permission})
    if unknown or (scopes is not None and not scopes):
        raise ValueInvalid(
            "scopes", f"permissions, at least one; not {', '.join(unknown) or 'an empty list'}"
        )
    return scopes


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueInvalid("networks", "CIDR blocks such as 10.0.0.0/8") from error
