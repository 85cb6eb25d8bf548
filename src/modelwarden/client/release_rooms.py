"""The remote SDK's rooms of a release: policies and approvals. Statements are signed here (RL-25)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from modelwarden.client.signing import ballot
from modelwarden.client.transport import path
from modelwarden.errors import ValueInvalid
from modelwarden.values.answers import (
    AssignmentAnswer,
    PolicyAnswer,
    RequestAnswer,
)
from modelwarden.values.approvals import CommentAnswer, OutsideAnswer, TimesAnswer
from modelwarden.values.checks import DryRunAnswer, ImportAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.client.calls import Calls
    from modelwarden.ledger.keys import Signer


class Policies:
    """Versioned, content-hashed documents: which seats, which signatures, which rollout."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[PolicyAnswer]:
        """Return a page of policies, each at its newest version, built-in ones among them."""
        return self._calls.page(PolicyAnswer, path("policies"), Page(limit=limit, cursor=cursor))

    def show(self, policy: str) -> PolicyAnswer:
        """Return a policy: `name` for the newest version, `name@2` for one. Raises PolicyNotFound."""
        return self._calls.read(PolicyAnswer, path("policies", policy))

    def versions(
        self, policy: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[PolicyAnswer]:
        """Return a page of a policy's versions, newest first. Raises PolicyNotFound."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(PolicyAnswer, path("policies", policy, "versions"), page)

    def lint(self, document: str) -> PolicyAnswer:
        """Return the document as it would be published. Raises PolicyInvalid, which lists every problem."""
        return self._calls.write(PolicyAnswer, path("policies", "lint"), {"document": document})

    def import_policy(
        self, document: str, *, name: str | None = None, leave_out: Sequence[str] = ()
    ) -> ImportAnswer:
        """Translate `governance.yaml` or a `GovernancePolicy(…)` into a policy, and show it beside what is there.

        Nothing is written: publish its `document`. What can't be translated is an error with path and line; `leave_out`
        names the paths to do without.

        Raises NotPermitted, PolicyInvalid, PolicyWeakensParent, ActorNotFound.
        """
        body = {"document": document, "name": name, "leave_out": list(leave_out)}
        return self._calls.ask(ImportAnswer, path("policies", "import"), body)

    def dry_run(
        self,
        document: str,
        *,
        days: int = 90,
        model: str | None = None,
        environment: str = "production",
        limit: int = 100,
        cursor: str | None = None,
    ) -> DryRunAnswer:
        """Return a page of the releases of the last days, each under what governs now and under a draft.

        Nothing is written. Evidence is read as it stood at each release; fields, roles and signed figures of versions
        as they are now.

        Raises NotPermitted, PolicyInvalid, PolicyWeakensParent, ModelNotFound, ValueInvalid, CursorInvalid.
        """
        body = {
            "document": document,
            "days": days,
            "model": model,
            "environment": environment,
            "limit": limit,
            "cursor": cursor,
        }
        return self._calls.ask(DryRunAnswer, path("policies", "dry-run"), body)

    def publish(self, document: str) -> PolicyAnswer:
        """Publish YAML or JSON text as the next version of its name. Raises PolicyInvalid, PermitNeeded."""
        return self._calls.write(PolicyAnswer, path("policies", "publish"), {"document": document})

    def assign(
        self, policy: str, *, model: str | None = None, environment: str | None = None
    ) -> AssignmentAnswer:
        """Let a policy govern a model, an environment, both, or all. Raises PolicyNotFound, PermitNeeded."""
        body = {"model": model, "environment": environment}
        return self._calls.write(AssignmentAnswer, path("policies", policy, "assign"), body)

    def retire(self, policy: str) -> PolicyAnswer:
        """End a policy that governs nothing. Raises PolicyNotFound, PolicyAssigned."""
        return self._calls.write(PolicyAnswer, path("policies", policy, "retire"))


class Approvals:
    """The question put to people, and their signed answers."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def request(
        self,
        model: str,
        version: str,
        *,
        justification: str,
        environment: str = "production",
        strategy: str | None = None,
    ) -> RequestAnswer:
        """Ask whether a version may go to an environment. Raises OwnerMissing, PurposeMissing, RequestExists, …."""
        body = {
            "type": "release",
            "model": model,
            "version": version,
            "justification": justification,
            "environment": environment,
            "strategy": strategy,
        }
        return self._calls.write(RequestAnswer, path("approvals"), body)

    def request_access(
        self, action: str, *, payload: Mapping[str, Any], justification: str
    ) -> RequestAnswer:
        """Ask for leave to do one exact sensitive thing once (AC-40). Raises NotPermitted, ValueInvalid."""
        body = {
            "type": "access",
            "action": action,
            "payload": payload,
            "justification": justification,
        }
        return self._calls.write(RequestAnswer, path("approvals"), body)

    def show(self, request: str) -> RequestAnswer:
        """Return a request with its seats, decisions, and how many people could fill each seat."""
        return self._calls.read(RequestAnswer, path("approvals", request))

    def list(
        self,
        *,
        waiting_for: str | None = None,
        state: str | None = None,
        type: str | None = None,  # noqa: A002  # the field's name
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[RequestAnswer]:
        """Return a page of requests, newest first; `waiting_for="me"` keeps those that the actor can answer."""
        filters = {
            "waiting_for": waiting_for,
            "state": state,
            "type": type,
        }
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(RequestAnswer, path("approvals"), page, filters)

    def statement(
        self,
        request: str,
        *,
        decision: str = "approve",
        seat: int | None = None,
        comment_digest: str | None = None,
        on_behalf_of: str | None = None,
    ) -> bytes:
        """Return the actor's own bytes to sign, issued now. Raises RequestClosed, NotPermitted, SeatFilled."""
        query = {
            "decision": decision,
            "seat": seat,
            "comment_digest": comment_digest,
            "on_behalf_of": on_behalf_of,
        }
        return self._calls.fetch(path("approvals", request, "statement"), query).content

    def approve(
        self,
        request: str,
        *,
        comment: str | None = None,
        key: Signer | None = None,
        seat: int | None = None,
        on_behalf_of: str | None = None,
    ) -> RequestAnswer:
        """Agree, signing with one's own key here in this process; without a key, where the policy lets a token do.

        `on_behalf_of` names whoever handed on the decision: then the seat is theirs (RL-18).

        Raises:
            SelfApproval, SamePerson, NotPermitted, SignatureNeeded, SignatureInvalid, StatementChanged, …
        """
        return self._answered(
            request, "approve", comment=comment, key=key, seat=seat, on_behalf_of=on_behalf_of
        )

    def reject(
        self,
        request: str,
        *,
        comment: str,
        key: Signer | None = None,
        seat: int | None = None,
        on_behalf_of: str | None = None,
    ) -> RequestAnswer:
        """Disagree, and say why; signed likewise."""
        return self._answered(
            request, "reject", comment=comment, key=key, seat=seat, on_behalf_of=on_behalf_of
        )

    def decide(  # noqa: PLR0913  # what a signed answer consists of
        self,
        request: str,
        decision: str,
        *,
        comment: str | None = None,
        comment_salt: bytes | None = None,
        envelope: bytes | None = None,
        seat: int | None = None,
        on_behalf_of: str | None = None,
    ) -> RequestAnswer:
        """Hand in an answer that was signed elsewhere: the envelope, and the comment with its salt (RL-25)."""
        if decision not in {"approve", "reject"}:
            raise ValueInvalid("decision", "approve or reject")
        body = {
            "comment": comment,
            "comment_salt": comment_salt and base64.b64encode(comment_salt).decode("ascii"),
            "envelope": envelope and envelope.decode(),
            "seat": seat,
            "on_behalf_of": on_behalf_of,
        }
        return self._calls.write(RequestAnswer, path("approvals", request, decision), body)

    def withdraw(self, request: str) -> RequestAnswer:
        """Take back one's own question. Raises NotPermitted, RequestClosed."""
        return self._calls.write(RequestAnswer, path("approvals", request, "withdraw"))

    def withdraw_decision(self, request: str) -> RequestAnswer:
        """Take back one's own answer while the request is open."""
        return self._calls.write(RequestAnswer, path("approvals", request, "withdraw-decision"))

    def times(self, *, days: int = 90) -> TimesAnswer:
        """Return how many questions wait, and how long those took that were decided in these days (RL-19)."""
        return self._calls.read(TimesAnswer, path("approvals", "times"), {"days": days})

    def comments(self, request: str) -> tuple[CommentAnswer, ...]:
        """Return what people wrote about a request at GitHub, as it was copied, oldest first. Raises NotFound."""
        return self._calls.read_all(CommentAnswer, path("approvals", request, "comments"))

    def outside(self, request: str) -> tuple[OutsideAnswer, ...]:
        """Return how a request stands at GitHub and in ServiceNow, read now. Raises NotFound."""
        return self._calls.read_all(OutsideAnswer, path("approvals", request, "outside"))

    def envelopes(self, request: str) -> bytes:
        """Return the signed envelopes, one a line, as `release.intoto.jsonl` holds them."""
        return self._calls.fetch(path("approvals", request, "envelopes")).content

    def _answered(
        self,
        request: str,
        decision: str,
        *,
        comment: str | None,
        key: Signer | None,
        seat: int | None,
        on_behalf_of: str | None,
    ) -> RequestAnswer:
        if key is None:
            return self.decide(
                request, decision, comment=comment, seat=seat, on_behalf_of=on_behalf_of
            )
        drawn = ballot(request, decision, comment=comment)
        statement = self.statement(
            request,
            decision=decision,
            seat=seat,
            comment_digest=drawn.comment_digest,
            on_behalf_of=on_behalf_of,
        )
        return self.decide(
            request,
            decision,
            comment=comment,
            comment_salt=drawn.comment_salt,
            envelope=drawn.signed(statement, key),
            seat=seat,
            on_behalf_of=on_behalf_of,
        )
