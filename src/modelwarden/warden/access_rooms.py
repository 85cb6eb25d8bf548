"""The embedded SDK's rooms of access: users, roles, tokens and keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.access import actions, answers
from modelwarden.access.actor import KEY_DAYS_MOST
from modelwarden.registry.actions import resource_named
from modelwarden.values.clock import SystemClock
from modelwarden.values.ids import new_id
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.ledger.keys import Signer
    from modelwarden.store.change import View
    from modelwarden.values.answers import (
        BindingAnswer,
        ChallengeAnswer,
        KeyAnswer,
        MayAnswer,
        RoleAnswer,
        TokenAnswer,
        UserAnswer,
    )
    from modelwarden.values.identities import IdentityAnswer
    from modelwarden.warden.bound import Bound


class Users:
    """People's accounts."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def add(
        self, handle: str, *, email: str | None = None, metadata: str | None = None
    ) -> UserAnswer:
        """Add a user. Raises NotPermitted, HandleTaken."""
        return self._bound.write(
            partial(actions.add_user, handle=handle, email=email, details=metadata),
            answers.user_answer,
        )

    def show(self, user: str) -> UserAnswer:
        """Return a user by handle or id. Raises ActorNotFound."""
        return self._bound.read(partial(actions.user, name=user), answers.user_answer)

    def me(self) -> UserAnswer:
        """Return the actor's own account."""
        return self._bound.read(actions.me, answers.user_answer)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[UserAnswer]:
        """Return a page of users, oldest first. Raises NotPermitted."""
        return self._bound.page(
            partial(actions.users, page=Page(limit=limit, cursor=cursor)), answers.user_answer
        )

    def update(
        self, user: str, *, email: str | None = None, metadata: str | None = None
    ) -> UserAnswer:
        """Change what is kept about a user. Raises NotPermitted."""
        return self._bound.write(
            partial(actions.update_user, user=user, email=email, details=metadata),
            answers.user_answer,
        )

    def suspend(self, user: str, *, reason: str) -> UserAnswer:
        """Stop all credentials of a user. Raises NotPermitted, LastAdmin."""
        return self._bound.write(
            partial(actions.suspend, user=user, reason=reason), answers.user_answer
        )

    def reactivate(self, user: str) -> UserAnswer:
        """Let a suspended user act again. Raises NotPermitted."""
        return self._bound.write(partial(actions.reactivate, user=user), answers.user_answer)

    def deactivate(self, user: str, *, reason: str) -> UserAnswer:
        """End an account for good. Raises NotPermitted, LastAdmin."""
        return self._bound.write(
            partial(actions.deactivate, user=user, reason=reason), answers.user_answer
        )

    def link(self, user: str, *, to: str) -> UserAnswer:
        """Say that two accounts are one human's. Raises NotPermitted, RoleConflict."""
        return self._bound.write(partial(actions.link, user=user, to=to), answers.user_answer)

    def map_identity(self, user: str, *, issuer: str, subject: str) -> IdentityAnswer:
        """Say that an account in another system is this user's: its address, and its immutable id there.

        Raises NotPermitted, ActorNotFound, ValueInvalid, PermitNeeded.
        """
        action = partial(actions.map_identity, user=user, issuer=issuer, subject=subject)
        return self._bound.write(action, answers.identity_answer)

    def identities(self, user: str) -> tuple[IdentityAnswer, ...]:
        """Return the accounts in other systems that are a user's, oldest first. Raises ActorNotFound."""

        def read(view: View) -> tuple[IdentityAnswer, ...]:
            found = actions.identities(view, user)
            return tuple(answers.identity_answer(view, one) for one in found)

        return self._bound.read(read, lambda _view, answer: answer)

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

        def read(view: View) -> MayAnswer:
            resource = resource_named(view, model=model, environment=environment, team=team)
            verdict = actions.may(view, user=user, permission=permission, resource=resource)
            return answers.may_answer(verdict, user=user, permission=permission)

        return self._bound.read(read, lambda _view, answer: answer)


class ServiceAccounts:
    """Accounts of programs; a named owner stands behind each."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def add(self, handle: str, *, owner: str) -> UserAnswer:
        """Add a service account. Raises NotPermitted, HandleTaken."""
        return self._bound.write(
            partial(actions.add_service_account, handle=handle, owner=owner), answers.user_answer
        )

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[UserAnswer]:
        """Return a page of service accounts. Raises NotPermitted."""
        action = partial(actions.service_accounts, page=Page(limit=limit, cursor=cursor))
        return self._bound.page(action, answers.user_answer)


class Roles:
    """Roles, and who holds them."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def list(self) -> tuple[RoleAnswer, ...]:
        """Return all roles, built in and defined."""
        return self._bound.read(actions.roles, answers.roles_answer)

    def define(
        self, role: str, *, permissions: Sequence[str], includes: Sequence[str] = ()
    ) -> RoleAnswer:
        """Define a custom role. Raises NotPermitted, RoleFixed, RoleUnknown, RoleCycle."""
        action = partial(actions.define_role, name=role, permissions=permissions, includes=includes)
        return self._bound.write(action, answers.role_answer)

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
        action = partial(actions.grant, user=user, role=role, scope=scope, days=days, reason=reason)
        return self._bound.write(action, answers.binding_answer)

    def revoke(self, user: str, role: str) -> tuple[BindingAnswer, ...]:
        """End a role that a user holds; in force at once. Raises LastAdmin."""
        return self._bound.write(
            partial(actions.revoke, user=user, role=role), answers.bindings_answer
        )

    def show(self, user: str) -> tuple[BindingAnswer, ...]:
        """Return the roles that a user holds, with scope and end."""
        return self._bound.read(partial(actions.roles_of, user=user), answers.bindings_answer)


class Tokens:
    """Credentials. The secret is in the answer that makes one, and nowhere else."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def create(
        self,
        *,
        user: str | None = None,
        scopes: Sequence[str] | None = None,
        days: int | None = None,
        networks: Sequence[str] = (),
    ) -> TokenAnswer:
        """Issue a token, one's own unless a service account is named. Raises NotPermitted, ExpiryNeeded."""
        action = partial(
            actions.create_token, user=user, scopes=scopes, days=days, networks=networks
        )
        return self._bound.write(action, answers.new_token_answer)

    def list(
        self, *, user: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[TokenAnswer]:
        """Return a page of tokens, without secrets."""
        action = partial(actions.tokens, page=Page(limit=limit, cursor=cursor), user=user)
        return self._bound.page(action, answers.token_answer)

    def rotate(self, token: str, *, overlap_minutes: int = 0) -> TokenAnswer:
        """Replace a token. Raises NotFound, ExpiryNeeded."""
        action = partial(actions.rotate_token, token_id=token, overlap_minutes=overlap_minutes)
        return self._bound.write(action, answers.new_token_answer)

    def revoke(self, token: str) -> TokenAnswer:
        """End a token at once. Raises NotFound."""
        return self._bound.write(
            partial(actions.revoke_token, token_id=token), answers.token_answer
        )

    def report(self, secret: str) -> None:
        """Hand in a token that was found in the open; it is revoked. Raises NotFound."""
        self._bound.write(partial(actions.report_token, secret=secret), lambda _view, _done: None)


class Keys:
    """People's signing keys; the private halves stay with the people."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def challenge(self) -> ChallengeAnswer:
        """Return what a key has to sign to be enrolled."""
        challenge_id = new_id("chl", SystemClock().now())
        given = self._bound.warden.telemetry(
            self._bound.principal, partial(actions.challenge, challenge_id=challenge_id)
        )
        return self._bound.read(lambda _view: given, answers.challenge_answer)

    def enrol(self, key: Signer, *, days: int = KEY_DAYS_MOST) -> KeyAnswer:
        """Enrol one's own key: fetch a challenge, sign it here, hand in the public half. Someone else confirms it."""
        challenge = self.challenge()
        signature = key.sign(actions.enrolment_message(challenge.id))
        return self.enrol_signed(
            key.public.pem, challenge=challenge.id, signature=signature, days=days
        )

    def enrol_signed(
        self, pem: str, *, challenge: str, signature: bytes, days: int = KEY_DAYS_MOST
    ) -> KeyAnswer:
        """Enrol a public key with a signature made elsewhere. Raises ChallengeInvalid, SignatureInvalid."""
        action = partial(
            actions.enrol, pem=pem, challenge_id=challenge, signature=signature, days=days
        )
        return self._bound.write(action, answers.key_answer)

    def confirm(self, key: str) -> KeyAnswer:
        """Vouch for another person's key. Raises SamePerson, NotPermitted."""
        return self._bound.write(partial(actions.confirm_key, keyid=key), answers.key_answer)

    def revoke(self, key: str, *, cause: str, since: datetime | None = None) -> KeyAnswer:
        """End a key: superseded, lost or compromised. Raises NotPermitted, IllegalMove."""
        action = partial(actions.revoke_key, keyid=key, cause=cause, since=since)
        return self._bound.write(action, answers.key_answer)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[KeyAnswer]:
        """Return a page of enrolled keys."""
        return self._bound.page(
            partial(actions.keys, page=Page(limit=limit, cursor=cursor)), answers.key_answer
        )
