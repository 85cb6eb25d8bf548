"""The access room's values as callers get them, with handles filled in."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from modelwarden.access import accounts, queries
from modelwarden.access.rotating import texts_under
from modelwarden.ledger.keys import PublicKey
from modelwarden.permissions import BUILT_IN
from modelwarden.store.erasing import shown
from modelwarden.values.answers import (
    BindingAnswer,
    ChallengeAnswer,
    KeyAnswer,
    MayAnswer,
    RoleAnswer,
    ServerKeyAnswer,
    TokenAnswer,
    UserAnswer,
)
from modelwarden.values.approvals import DelegationAnswer, GroupAnswer, MemberAnswer
from modelwarden.values.identities import IdentityAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.access.actor import Actor, Binding, PersonKey, Role, Token
    from modelwarden.access.authorize import Verdict
    from modelwarden.access.delegations.delegation import Delegation
    from modelwarden.access.enrolment import Challenge
    from modelwarden.access.groups.group import PeopleGroup
    from modelwarden.access.identities.identity import Identity
    from modelwarden.access.server_key import ServerKey
    from modelwarden.access.tokens import NewToken
    from modelwarden.store.change import View


def user_answer(view: View, actor: Actor) -> UserAnswer:
    """Return an account as callers see it."""
    held = queries.bindings_of(view, actor.id)
    return UserAnswer(
        id=actor.id,
        handle=accounts.own_handle(view, actor),
        kind=actor.kind.value,
        person=actor.person,
        status=actor.status.value,
        email=accounts.email_of(view, actor),
        owner=None if actor.owner is None else accounts.handle_of(view, actor.owner),
        roles=tuple(sorted({binding.role for binding in held})),
        created_at=actor.created_at,
        revision=actor.revision,
    )


def identity_answer(view: View, identity: Identity) -> IdentityAnswer:
    """Return an account in another system as callers see it."""
    return IdentityAnswer(
        id=identity.id,
        user=accounts.handle_of(view, identity.actor),
        issuer=identity.issuer,
        subject=shown(view, identity.subject) or "",
        mapped_by=accounts.handle_of(view, identity.mapped_by),
        mapped_at=identity.mapped_at,
    )


def group_answer(view: View, group: PeopleGroup) -> GroupAnswer:
    """Return a group as callers see it."""
    return GroupAnswer(
        name=group.name,
        members=tuple(
            MemberAnswer(user=accounts.handle_of(view, one.actor), since=one.since)
            for one in group.members
        ),
        created_by=accounts.handle_of(view, group.created_by),
        created_at=group.created_at,
        revision=group.revision,
    )


def delegation_answer(view: View, delegation: Delegation) -> DelegationAnswer:
    """Return a delegation as callers see it."""
    return DelegationAnswer(
        id=delegation.id,
        state="current" if delegation.is_current(view.now) else "ended",
        delegator=accounts.handle_of(view, delegation.delegator),
        delegate=accounts.handle_of(view, delegation.delegate),
        reason=shown(view, delegation.reason),
        starts_at=delegation.starts_at,
        ends_at=delegation.ends_at,
        ended_at=delegation.ended_at,
    )


def delegations_answer(view: View, found: tuple[Delegation, ...]) -> tuple[DelegationAnswer, ...]:
    """Return delegations as callers see them."""
    return tuple(delegation_answer(view, one) for one in found)


def binding_answer(view: View, binding: Binding) -> BindingAnswer:
    """Return a binding as callers see it."""
    return BindingAnswer(
        id=binding.id,
        user=accounts.handle_of(view, binding.actor),
        role=binding.role,
        scope=dict(binding.scope),
        expires_at=binding.expires_at,
        granted_by=accounts.handle_of(view, binding.granted_by),
        created_at=binding.created_at,
    )


def bindings_answer(view: View, bindings: tuple[Binding, ...]) -> tuple[BindingAnswer, ...]:
    """Return bindings as callers see them."""
    return tuple(binding_answer(view, binding) for binding in bindings)


def role_answer(_view: View, role: Role) -> RoleAnswer:
    """Return a role as callers see it."""
    return RoleAnswer(
        name=role.name,
        built_in=role.name in BUILT_IN,
        permissions=role.permissions,
        includes=role.includes,
    )


def roles_answer(view: View, roles: tuple[Role, ...]) -> tuple[RoleAnswer, ...]:
    """Return roles as callers see them."""
    return tuple(role_answer(view, role) for role in roles)


def may_answer(verdict: Verdict, *, user: str, permission: str) -> MayAnswer:
    """Return a verdict as callers see it."""
    grant = verdict.grant
    return MayAnswer(
        user=user,
        permission=permission,
        allow=verdict.allow,
        code=verdict.code,
        role=None if grant is None else grant.role,
        binding=None if grant is None else grant.binding,
    )


def token_answer(view: View, token: Token) -> TokenAnswer:
    """Return a token as callers see it, without its secret."""
    return TokenAnswer(
        id=token.id,
        user=accounts.handle_of(view, token.actor),
        scopes=token.scopes,
        networks=token.networks,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
    )


def new_token_answer(view: View, new: NewToken) -> TokenAnswer:
    """Return a fresh token with its secret, this once."""
    return TokenAnswer(
        id=new.token.id,
        user=accounts.handle_of(view, new.token.actor),
        scopes=new.token.scopes,
        networks=new.token.networks,
        created_at=new.token.created_at,
        expires_at=new.token.expires_at,
        revoked_at=None,
        secret=new.secret,
    )


def challenge_answer(_view: View, challenge: Challenge) -> ChallengeAnswer:
    """Return a challenge as callers see it."""
    return ChallengeAnswer(
        id=challenge.id,
        message=base64.b64encode(challenge.message()).decode("ascii"),
        expires_at=challenge.expires_at,
    )


def server_key_answer(view: View, key: ServerKey) -> ServerKeyAnswer:
    """Return a key of the server as callers see it."""
    return ServerKeyAnswer(
        id=key.id,
        purpose=key.purpose.value,
        status=key.status(view.now),
        public=key.public,
        since=key.since,
        until=key.until,
        signs_until=key.signs_until,
        revoked_at=key.revoked_at,
        revoked_from=key.revoked_from,
        texts=texts_under(view, key),
    )


def server_keys_answer(view: View, keys: Sequence[ServerKey]) -> tuple[ServerKeyAnswer, ...]:
    """Return keys of the server as callers see them."""
    return tuple(server_key_answer(view, key) for key in keys)


def key_answer(view: View, key: PersonKey) -> KeyAnswer:
    """Return a person's key as callers see it."""
    confirmed = key.confirmed_by
    return KeyAnswer(
        id=key.id,
        user=accounts.handle_of(view, key.actor),
        type=PublicKey.from_pem(key.pem).type.value,
        status=key.status.value,
        pem=key.pem,
        valid_from=key.valid_from,
        valid_to=key.valid_to,
        confirmed_by=None if confirmed is None else accounts.handle_of(view, confirmed),
        revoked_at=key.revoked_at,
        revoked_as=None if key.revoked_as is None else key.revoked_as.value,
    )
