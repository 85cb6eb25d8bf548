"""Rows of the access tables as values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelwarden.access.actor import Actor, Binding, KeyStatus, PersonKey, Revocation, Role, Token
from modelwarden.access.permit import Permit
from modelwarden.access.server_key import Purpose, ServerKey
from modelwarden.values.clock import maybe_moment, moment
from modelwarden.values.principal import ActorKind, ActorStatus

if TYPE_CHECKING:
    from modelwarden.store.running import Row


def as_actor(row: Row) -> Actor:
    """Return the actor that a row holds."""
    return Actor(
        id=row.id,
        kind=ActorKind(row.kind),
        person=row.person,
        status=ActorStatus(row.status),
        handle=row.handle,
        handle_index=row.handle_index,
        email=row.email,
        email_index=row.email_index,
        details=row.details,
        owner=row.owner,
        created_at=moment(row.created_at),
        erased_at=maybe_moment(row.erased_at),
        revision=row.revision,
    )


def as_binding(row: Row) -> Binding:
    """Return the binding that a row holds."""
    return Binding(
        id=row.id,
        actor=row.actor,
        role=row.role,
        scope=tuple((selector, value) for selector, value in json.loads(row.scope)),
        not_before=maybe_moment(row.not_before),
        expires_at=maybe_moment(row.expires_at),
        granted_by=row.granted_by,
        granted_person=row.granted_person,
        reason=row.reason,
        created_at=moment(row.created_at),
        revoked_at=maybe_moment(row.revoked_at),
        revision=row.revision,
    )


def as_token(row: Row) -> Token:
    """Return the token that a row holds."""
    return Token(
        id=row.id,
        actor=row.actor,
        secret_digest=row.secret_digest,
        scopes=None if row.scopes is None else tuple(json.loads(row.scopes)),
        networks=tuple(json.loads(row.networks)),
        issued_by=row.issued_by,
        created_at=moment(row.created_at),
        expires_at=moment(row.expires_at),
        revoked_at=maybe_moment(row.revoked_at),
        revision=row.revision,
    )


def as_key(row: Row) -> PersonKey:
    """Return the key that a row holds."""
    return PersonKey(
        id=row.id,
        actor=row.actor,
        person=row.person,
        pem=row.pem,
        scheme=row.scheme,
        status=KeyStatus(row.status),
        valid_from=moment(row.valid_from),
        valid_to=moment(row.valid_to),
        confirmed_by=row.confirmed_by,
        lent_by=row.lent_by,
        revoked_at=maybe_moment(row.revoked_at),
        revoked_as=None if row.revoked_as is None else Revocation(row.revoked_as),
        revision=row.revision,
    )


def as_permit(row: Row) -> Permit:
    """Return the permit that a row holds."""
    return Permit(
        id=row.id,
        action=row.action,
        payload=row.payload,
        requester=row.requester,
        request=row.request,
        expires_at=moment(row.expires_at),
        spent_at=maybe_moment(row.spent_at),
        revision=row.revision,
    )


def as_role(row: Row) -> Role:
    """Return the role that a row holds."""
    return Role(
        name=row.name,
        permissions=tuple(json.loads(row.permissions)),
        includes=tuple(json.loads(row.includes)),
        revision=row.revision,
    )


def as_server_key(row: Row) -> ServerKey:
    """Return the key of the server that a row tells of."""
    return ServerKey(
        id=row.id,
        purpose=Purpose(row.purpose),
        public=row.public,
        since=maybe_moment(row.since),
        until=maybe_moment(row.until),
        size=row.size,
        signs_until=maybe_moment(row.signs_until),
        revoked_at=maybe_moment(row.revoked_at),
        revoked_from=maybe_moment(row.revoked_from),
        cleared_at=maybe_moment(row.cleared_at),
        revision=row.revision,
    )
