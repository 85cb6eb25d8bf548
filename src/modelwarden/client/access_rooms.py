"""The remote SDK's rooms of access: users, roles, tokens and keys. A private key never leaves this process."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from modelwarden.client.transport import path
from modelwarden.errors import ValueInvalid
from modelwarden.values.answers import (
    BindingAnswer,
    ChallengeAnswer,
    KeyAnswer,
    MayAnswer,
    RoleAnswer,
    TokenAnswer,
    UserAnswer,
)
from modelwarden.values.canonical import from_base64
from modelwarden.values.identities import IdentityAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.client.calls import Calls
    from modelwarden.ledger.keys import Signer

KEY_DAYS_MOST: Final = 365
ENROLMENT: Final = b"modelwarden-key-enrolment-v1\0"
"""What a challenge begins with: a server that wants something else signed is refused."""


class Users:
    """People's accounts."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(
        self, handle: str, *, email: str | None = None, metadata: str | None = None
    ) -> UserAnswer:
        """Add a user. Raises NotPermitted, HandleTaken."""
        body = {"handle": handle, "email": email, "metadata": metadata}
        return self._calls.write(UserAnswer, path("users"), body)

    def show(self, user: str) -> UserAnswer:
        """Return a user by handle or id. Raises ActorNotFound."""
        return self._calls.read(UserAnswer, path("users", user))

    def me(self) -> UserAnswer:
        """Return the actor's own account."""
        return self._calls.read(UserAnswer, path("me"))

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[UserAnswer]:
        """Return a page of users, oldest first. Raises NotPermitted."""
        return self._calls.page(UserAnswer, path("users"), Page(limit=limit, cursor=cursor))

    def update(
        self, user: str, *, email: str | None = None, metadata: str | None = None
    ) -> UserAnswer:
        """Change what is kept about a user. Raises NotPermitted."""
        body = {"email": email, "metadata": metadata}
        return self._calls.write(UserAnswer, path("users", user), body, method="PATCH")

    def suspend(self, user: str, *, reason: str) -> UserAnswer:
        """Stop all credentials of a user. Raises NotPermitted, LastAdmin."""
        return self._calls.write(UserAnswer, path("users", user, "suspend"), {"reason": reason})

    def reactivate(self, user: str) -> UserAnswer:
        """Let a suspended user act again. Raises NotPermitted."""
        return self._calls.write(UserAnswer, path("users", user, "reactivate"))

    def deactivate(self, user: str, *, reason: str) -> UserAnswer:
        """End an account for good. Raises NotPermitted, LastAdmin."""
        return self._calls.write(UserAnswer, path("users", user, "deactivate"), {"reason": reason})

    def link(self, user: str, *, to: str) -> UserAnswer:
        """Say that two accounts are one human's. Raises NotPermitted, RoleConflict."""
        return self._calls.write(UserAnswer, path("users", user, "link"), {"to": to})

    def map_identity(self, user: str, *, issuer: str, subject: str) -> IdentityAnswer:
        """Say that an account in another system is this user's: its address, and its immutable id there.

        Raises NotPermitted, ActorNotFound, ValueInvalid, PermitNeeded.
        """
        body = {"issuer": issuer, "subject": subject}
        return self._calls.write(IdentityAnswer, path("users", user, "identities"), body)

    def identities(self, user: str) -> tuple[IdentityAnswer, ...]:
        """Return the accounts in other systems that are a user's, oldest first. Raises ActorNotFound."""
        return self._calls.read_all(IdentityAnswer, path("users", user, "identities"))

    def may(
        self,
        user: str,
        permission: str,
        *,
        model: str | None = None,
        environment: str | None = None,
        team: str | None = None,
    ) -> MayAnswer:
        """Answer whether a user may do something here, and why (AC-14)."""
        query = {"model": model, "environment": environment, "team": team}
        return self._calls.read(MayAnswer, path("users", user, "permissions", permission), query)


class ServiceAccounts:
    """Accounts of programs; a named owner stands behind each."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(self, handle: str, *, owner: str) -> UserAnswer:
        """Add a service account. Raises NotPermitted, HandleTaken."""
        body = {"handle": handle, "owner": owner}
        return self._calls.write(UserAnswer, path("service-accounts"), body)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[UserAnswer]:
        """Return a page of service accounts. Raises NotPermitted."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(UserAnswer, path("service-accounts"), page)


class Roles:
    """Roles, and who holds them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self) -> tuple[RoleAnswer, ...]:
        """Return all roles, built in and defined."""
        return self._calls.read_all(RoleAnswer, path("roles"))

    def define(
        self, role: str, *, permissions: Sequence[str], includes: Sequence[str] = ()
    ) -> RoleAnswer:
        """Define a custom role. Raises NotPermitted, RoleFixed, RoleUnknown, RoleCycle."""
        body = {"role": role, "permissions": permissions, "includes": includes}
        return self._calls.write(RoleAnswer, path("roles"), body)

    def grant(
        self,
        user: str,
        role: str,
        *,
        scope: Mapping[str, str] | None = None,
        days: int | None = None,
        reason: str | None = None,
    ) -> BindingAnswer:
        """Let a user hold a role. Raises SelfGrant, RoleConflict, PermitNeeded."""
        body = {"role": role, "scope": scope, "days": days, "reason": reason}
        return self._calls.write(BindingAnswer, path("users", user, "roles"), body)

    def revoke(self, user: str, role: str) -> tuple[BindingAnswer, ...]:
        """End a role that a user holds; in force at once. Raises LastAdmin."""
        return self._calls.write_all(BindingAnswer, path("users", user, "revoke", role))

    def show(self, user: str) -> tuple[BindingAnswer, ...]:
        """Return the roles that a user holds, with scope and end."""
        return self._calls.read_all(BindingAnswer, path("users", user, "roles"))


class Tokens:
    """Credentials. The secret is in the answer that makes one, and nowhere else."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(
        self,
        *,
        user: str | None = None,
        scopes: Sequence[str] | None = None,
        days: int | None = None,
        networks: Sequence[str] = (),
    ) -> TokenAnswer:
        """Issue a token, one's own unless a service account is named. Raises NotPermitted, ExpiryNeeded."""
        body = {"user": user, "scopes": scopes, "days": days, "networks": networks}
        return self._calls.write_secret(TokenAnswer, path("tokens"), body)

    def list(
        self, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[TokenAnswer]:
        """Return a page of tokens, without secrets."""
        filters = {"user": user}
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(TokenAnswer, path("tokens"), page, filters)

    def rotate(self, token: str, *, overlap_minutes: int = 0) -> TokenAnswer:
        """Replace a token. Raises NotFound, ExpiryNeeded."""
        body = {"overlap_minutes": overlap_minutes}
        return self._calls.write_secret(TokenAnswer, path("tokens", token, "rotate"), body)

    def revoke(self, token: str) -> TokenAnswer:
        """End a token at once. Raises NotFound."""
        return self._calls.write(TokenAnswer, path("tokens", token), method="DELETE")

    def report(self, secret: str) -> None:
        """Hand in a token that was found in the open; it is revoked. Raises NotFound."""
        self._calls.tell(path("tokens", "report"), {"secret": secret})


class Keys:
    """People's signing keys; the private halves stay with the people."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def challenge(self) -> ChallengeAnswer:
        """Return what a key has to sign to be enrolled."""
        return self._calls.write_secret(ChallengeAnswer, path("keys", "challenge"), {})

    def enrol(self, key: Signer, *, days: int = KEY_DAYS_MOST) -> KeyAnswer:
        """Enrol one's own key: fetch a challenge, sign it here, hand in the public half. Someone else confirms it."""
        challenge = self.challenge()
        message = from_base64(challenge.message)
        if message != ENROLMENT + challenge.id.encode():
            raise ValueInvalid("challenge", "the words of an enrolment; nothing was signed")
        return self.enrol_signed(
            key.public.pem, challenge=challenge.id, signature=key.sign(message), days=days
        )

    def enrol_signed(
        self, pem: str, *, challenge: str, signature: bytes, days: int = KEY_DAYS_MOST
    ) -> KeyAnswer:
        """Enrol a public key with a signature made elsewhere. Raises ChallengeInvalid, SignatureInvalid."""
        body = {
            "pem": pem,
            "challenge": challenge,
            "signature": base64.b64encode(signature).decode("ascii"),
            "days": days,
        }
        return self._calls.write(KeyAnswer, path("keys"), body)

    def confirm(self, key: str) -> KeyAnswer:
        """Vouch for another person's key. Raises SamePerson, NotPermitted."""
        return self._calls.write(KeyAnswer, path("keys", key, "confirm"))

    def revoke(self, key: str, *, cause: str, since: datetime | None = None) -> KeyAnswer:
        """End a key: superseded, lost or compromised. Raises NotPermitted, IllegalMove."""
        body = {"cause": cause, "since": since}
        return self._calls.write(KeyAnswer, path("keys", key, "revoke"), body)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[KeyAnswer]:
        """Return a page of enrolled keys."""
        return self._calls.page(KeyAnswer, path("keys"), Page(limit=limit, cursor=cursor))
