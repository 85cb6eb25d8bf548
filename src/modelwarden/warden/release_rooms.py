"""The embedded SDK's rooms of a release: policies and approvals."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelwarden.approvals import actions, answers
from modelwarden.deployments import actions as releases
from modelwarden.deployments.answers import dry_run_answer
from modelwarden.errors import FilterInvalid, ValueInvalid
from modelwarden.ledger.dsse import seal
from modelwarden.ledger.entry import commit_text
from modelwarden.policies import actions as policy_actions
from modelwarden.policies import answers as policy_answers
from modelwarden.policies.actions import Environment
from modelwarden.values.ids import Commitment
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.ledger.keys import Signer
    from modelwarden.values.answers import AssignmentAnswer, PolicyAnswer, RequestAnswer
    from modelwarden.values.approvals import CommentAnswer, OutsideAnswer, TimesAnswer
    from modelwarden.values.checks import DryRunAnswer, ImportAnswer
    from modelwarden.warden.bound import Bound

SALT_BYTES: Final = 32


class Policies:
    """Versioned, content-hashed documents: which seats, which signatures, which rollout."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[PolicyAnswer]:
        """Return a page of policies, each at its newest version, built-in ones among them."""
        action = partial(policy_actions.policies, page=Page(limit=limit, cursor=cursor))
        return self._bound.page(action, policy_answers.policy_answer)

    def show(self, policy: str) -> PolicyAnswer:
        """Return a policy: `name` for the newest version, `name@2` for one. Raises PolicyNotFound."""
        action = partial(policy_actions.policy, reference=policy)
        return self._bound.read(action, policy_answers.policy_answer)

    def versions(
        self, policy: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[PolicyAnswer]:
        """Return a page of a policy's versions, newest first. Raises PolicyNotFound."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(policy_actions.policy_versions, name=policy, page=page)
        return self._bound.page(action, policy_answers.policy_answer)

    def lint(self, document: str) -> PolicyAnswer:
        """Return the document as it would be published. Raises PolicyInvalid, which lists every problem."""
        return self._bound.read(
            partial(policy_actions.lint, text=document), policy_answers.lint_answer
        )

    def import_policy(
        self, document: str, *, name: str | None = None, leave_out: Sequence[str] = ()
    ) -> ImportAnswer:
        """Translate `governance.yaml` or a `GovernancePolicy(…)` into a policy, and show it beside what is there.

        Nothing is written: publish its `document`. What can't be translated is an error with path and line; `leave_out`
        names the paths to do without.

        Raises NotPermitted, PolicyInvalid, PolicyWeakensParent, ActorNotFound.
        """
        action = partial(
            policy_actions.import_policy, text=document, name=name, leave_out=leave_out
        )
        return self._bound.read(action, policy_answers.import_answer)

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
        place = named(Environment, environment, field="environment")
        chosen = releases.Selection(days=days, model=model, environment=place)
        page = Page(limit=limit, cursor=cursor)
        action = partial(releases.dry_run, text=document, selection=chosen, page=page)
        return self._bound.read(action, dry_run_answer)

    def publish(self, document: str) -> PolicyAnswer:
        """Publish YAML or JSON text as the next version of its name. Raises PolicyInvalid, PermitNeeded."""
        parsed = policy_actions.prepare_policy(document)
        action = partial(policy_actions.publish, document=parsed)
        return self._bound.write(action, policy_answers.policy_answer)

    def assign(
        self, policy: str, *, model: str | None = None, environment: str | None = None
    ) -> AssignmentAnswer:
        """Let a policy govern a model, an environment, both, or all. Raises PolicyNotFound, PermitNeeded."""
        place = maybe_named(Environment, environment, field="environment")
        action = partial(policy_actions.assign, name=policy, model=model, environment=place)
        return self._bound.write(action, policy_answers.assignment_answer)

    def retire(self, policy: str) -> PolicyAnswer:
        """End a policy that governs nothing. Raises PolicyNotFound, PolicyAssigned."""
        action = partial(policy_actions.retire_policy, name=policy)
        return self._bound.write(action, policy_answers.retired_answer)


class Approvals:
    """The question put to people, and their signed answers."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

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
        action = partial(
            actions.request,
            model=model,
            version=version,
            justification=justification,
            environment=named(Environment, environment, field="environment"),
            strategy=strategy,
        )
        return self._bound.write(action, answers.request_answer)

    def request_access(
        self, action: str, *, payload: Mapping[str, Any], justification: str
    ) -> RequestAnswer:
        """Ask for leave to do one exact sensitive thing once (AC-40). Raises NotPermitted, ValueInvalid."""
        asked = partial(
            actions.request_access, action=action, payload=payload, justification=justification
        )
        return self._bound.write(asked, answers.request_answer)

    def show(self, request: str) -> RequestAnswer:
        """Return a request with its seats, decisions, and how many people could fill each seat."""
        return self._bound.read(
            partial(actions.approval, request_id=request), answers.dossier_answer
        )

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
        if waiting_for not in {None, "me"}:
            raise FilterInvalid("waiting_for", "me")
        action = partial(
            actions.approvals,
            page=Page(limit=limit, cursor=cursor),
            waiting_for_me=waiting_for is not None,
            state=maybe_named(actions.RequestState, state, field="state"),
            kind=maybe_named(actions.RequestType, type, field="type"),
        )
        return self._bound.page(action, answers.request_answer)

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
        action = partial(
            actions.statement,
            request_id=request,
            answer=named(actions.Answer, decision, field="decision"),
            seat=seat,
            comment_digest=None if comment_digest is None else Commitment(comment_digest),
            on_behalf_of=on_behalf_of,
        )
        return self._bound.read(action, lambda _view, data: data)

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
        ballot = self._ballot(
            request, "approve", comment=comment, key=key, seat=seat, on_behalf_of=on_behalf_of
        )
        return self.decide(request, "approve", **ballot)

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
        ballot = self._ballot(
            request, "reject", comment=comment, key=key, seat=seat, on_behalf_of=on_behalf_of
        )
        return self.decide(request, "reject", **ballot)

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
        ballot = actions.Ballot(
            seat=seat,
            comment=comment,
            comment_salt=comment_salt,
            envelope=envelope,
            on_behalf_of=on_behalf_of,
        )
        act = {"approve": actions.approve, "reject": actions.reject}.get(decision)
        if act is None:
            raise ValueInvalid("decision", "approve or reject")
        return self._bound.write(
            partial(act, request_id=request, ballot=ballot), answers.dossier_answer
        )

    def withdraw(self, request: str) -> RequestAnswer:
        """Take back one's own question. Raises NotPermitted, RequestClosed."""
        return self._bound.write(
            partial(actions.withdraw, request_id=request), answers.request_answer
        )

    def withdraw_decision(self, request: str) -> RequestAnswer:
        """Take back one's own answer while the request is open."""
        action = partial(actions.withdraw_decision, request_id=request)
        return self._bound.write(action, answers.dossier_answer)

    def times(self, *, days: int = 90) -> TimesAnswer:
        """Return how many questions wait, and how long those took that were decided in these days (RL-19)."""
        return self._bound.read(partial(actions.times, days=days), lambda _view, found: found)

    def comments(self, request: str) -> tuple[CommentAnswer, ...]:
        """Return what people wrote about a request at GitHub, as it was copied, oldest first. Raises NotFound."""
        action = partial(releases.comments, request_id=request)
        return self._bound.read(action, lambda _view, found: found)

    def outside(self, request: str) -> tuple[OutsideAnswer, ...]:
        """Return how a request stands at GitHub and in ServiceNow, read now. Raises NotFound."""
        find = partial(releases.asked_outside, request_id=request)
        asked, at = self._bound.read(find, lambda view, found: (found, view.now))
        seen = releases.look_outside(asked, self._bound.sources, at=at)
        action = partial(releases.outside_answer, request_id=request, seen=seen)
        return self._bound.read(action, lambda _view, found: found)

    def envelopes(self, request: str) -> bytes:
        """Return the signed envelopes, one a line, as `release.intoto.jsonl` holds them."""
        action = partial(actions.envelopes, request_id=request)
        return self._bound.read(action, lambda _view, data: data)

    def _ballot(
        self,
        request: str,
        decision: str,
        *,
        comment: str | None,
        key: Signer | None,
        seat: int | None,
        on_behalf_of: str | None,
    ) -> dict[str, Any]:
        if key is None:
            return {"comment": comment, "seat": seat, "on_behalf_of": on_behalf_of}
        salt = os.urandom(SALT_BYTES)
        digest = None if comment is None else commit_text(salt, comment).hex()
        statement = self.statement(
            request,
            decision=decision,
            seat=seat,
            comment_digest=digest,
            on_behalf_of=on_behalf_of,
        )
        envelope = seal(actions.PAYLOAD_TYPE, statement, key).to_line()
        return {
            "comment": comment,
            "comment_salt": salt,
            "envelope": envelope,
            "seat": seat,
            "on_behalf_of": on_behalf_of,
        }
