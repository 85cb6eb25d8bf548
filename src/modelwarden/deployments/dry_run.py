"""Past releases held against a draft: had it been the policy, which would have been stopped (POL-7, RL-13).

Evidence, drills, verifications, answers and staging are read as they stood when each release began. Fields of the
registry, roles and the figures that were registered with a version are as they are now: one state of them is kept.
Left out: what a rollout would have been, and what other systems of record said then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import authorize, readable
from modelwarden.access.holding import holds_role
from modelwarden.approvals.decision import Answer, Custody
from modelwarden.approvals.queries import decisions_of, find_request
from modelwarden.approvals.request import Signing
from modelwarden.deployments import queries
from modelwarden.errors import ValueInvalid
from modelwarden.permissions import Permission
from modelwarden.policies.checking import evaluated
from modelwarden.policies.document import draft
from modelwarden.policies.gathering import Past
from modelwarden.policies.governing import PolicyRef
from modelwarden.policies.queries import NEWEST
from modelwarden.policies.reads import requirements, requirements_with, resolved
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model, find_version
from modelwarden.values.ids import PolicyName
from modelwarden.values.pages import Page, listing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from modelwarden.approvals.decision import Decision
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.policies.document import PolicyDocument
    from modelwarden.policies.governing import Requirements
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName

MOST_DAYS: Final = 366
A_PAGE: Final = 100
DRAFT: Final = 0
"""The version of a document that has no number yet."""


class Turn(StrEnum):
    """How a release would have fared."""

    NEWLY_BLOCKED = "newly_blocked"
    NEWLY_CLEAR = "newly_clear"
    STILL_BLOCKED = "still_blocked"
    STILL_CLEAR = "still_clear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One past release, under what governs now and under the draft.

    Attributes:
        now, drafted: what stands against it, each as `code: words`; nothing where it would have gone live.
    """

    deployment: Deployment
    now: tuple[str, ...]
    drafted: tuple[str, ...]

    @property
    def turn(self) -> Turn:
        """Return how it would have fared."""
        if self.drafted:
            return Turn.STILL_BLOCKED if self.now else Turn.NEWLY_BLOCKED
        return Turn.NEWLY_CLEAR if self.now else Turn.STILL_CLEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which past releases are looked at: `days` back from now, of one model or of all that the caller may read."""

    days: int = 90
    model: str | None = None
    environment: Environment = Environment.PRODUCTION


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """A draft, and a page of the past releases that were held against it, newest first.

    Attributes:
        since: where the selection begins.
        next_cursor: where the next page goes on; None where the selection is through.
    """

    document: PolicyDocument
    since: datetime
    replays: tuple[Replay, ...]
    next_cursor: str | None


def dry_run(
    view: View, text: str, *, selection: Selection | None = None, page: Page | None = None
) -> DryRun:
    """Return a page of past releases that the caller may read, newest first, each held against a draft.

    Where the draft is a new version of a policy it takes that one's place; else it joins what governs. A page takes a
    few statements a release, so that thousands of releases are looked at in many short reads.

    Raises NotPermitted, PolicyInvalid, PolicyWeakensParent, ModelNotFound, ValueInvalid, CursorInvalid.
    """
    authorize(view, Permission.POLICY_DRAFT)
    chosen, page = selection or Selection(), page or Page(limit=A_PAGE)
    if not 1 <= chosen.days <= MOST_DAYS:
        raise ValueInvalid("days", f"1 to {MOST_DAYS}")
    document = resolved(view, draft(text))
    found = None if chosen.model is None else registry.model(view, chosen.model)
    since = view.now - timedelta(days=chosen.days)
    past = queries.releases_since(
        view,
        since,
        model=None if found is None else found.name,
        environment=chosen.environment,
        before=page.after or NEWEST,
        limit=page.limit,
    )
    run = _Run(view, document)
    replays = tuple(replay for each in past for replay in run.replayed(each))
    more = listing(past, page, key=past[-1].id if past else None).next_cursor
    return DryRun(document=document, since=since, replays=replays, next_cursor=more)


class _Run:
    """One page: what governs each model is read once."""

    def __init__(self, view: View, document: PolicyDocument) -> None:
        self._view = view
        self._drafted = (PolicyRef(PolicyName(document.name), DRAFT, document.hash), document)
        self._known: dict[tuple[ModelName, Environment], _Governed | None] = {}

    def replayed(self, deployment: Deployment) -> Iterator[Replay]:
        """Yield how a release would have fared; nothing where the caller may not read it."""
        key = (deployment.model, deployment.environment)
        if key not in self._known:
            self._known[key] = self._governed(*key)
        found, version = self._known[key], find_version(self._view, deployment.version)
        if found is None or version is None:
            return
        past = _Past(self._view, deployment, version, found.model)
        unheard = sorted({*found.drafted.systems} - {*found.now.systems})
        yield Replay(
            deployment=deployment,
            now=tuple(past.against(found.now)),
            drafted=(
                *past.against(found.drafted),
                *(f"external_missing: nobody asked {system} then" for system in unheard),
            ),
        )

    def _governed(self, name: ModelName, place: Environment) -> _Governed | None:
        model = find_model(self._view, name)
        if model is None:
            return None
        if not readable(self._view, Permission.DEPLOYMENT_READ, on=registry.resource_of(model)):
            return None
        return _Governed(
            model,
            requirements(self._view, name, place),
            requirements_with(self._view, model, place, drafted=self._drafted),
        )


class _Governed(NamedTuple):
    """A model, what governs its releases now, and what would."""

    model: Model
    now: Requirements
    drafted: Requirements


class _Past(NamedTuple):
    """One release and what is known of it."""

    view: View
    deployment: Deployment
    version: Version
    model: Model

    def against(self, needs: Requirements) -> Iterator[str]:
        """Yield what these requirements would have held against it when it began."""
        yield from self._people(needs)
        began = self.deployment.started_at
        wanted = needs.needs_staging
        if wanted is not None and not _was_staged(self.view, self.deployment, wanted):
            yield "staging_missing: it had not been live in staging for its time"
        replaced = self.deployment.replaces
        before = None if replaced is None else queries.find_deployment(self.view, replaced)
        live = None if before is None else find_version(self.view, before.version)
        then = evaluated(
            self.view, self.version, model=self.model, needs=needs, past=Past(began, live)
        )
        for result in then.results:
            if result.blocks:
                code = "checks_blocking" if result.fails else "checks_unknown"
                yield f"{code}: {result.name.partition('@')[0]}/{result.check} is {result.outcome}"

    def _people(self, needs: Requirements) -> Iterator[str]:
        if needs.humans == 0:
            return
        asked = self.deployment.request
        request = None if asked is None else find_request(self.view, asked)
        if request is None:
            yield f"not_approved: nobody agreed, {needs.humans} people are needed"
            return
        given = decisions_of(self.view, request.id)
        agreed = [d for d in given if d.stands and d.verdict is Answer.APPROVE]
        people = len({d.person for d in agreed if d.is_human})
        if people < needs.humans:
            yield f"not_approved: {people} people agreed, {needs.humans} are needed"
        elif empty := self._empty_seat(needs, request, agreed):
            yield f"not_approved: nobody who agreed fills the seat of {' or '.join(empty)}"
        if needs.signature == Signing.PERSONAL and any(
            d.is_human and d.custody is not Custody.PERSONAL for d in agreed
        ):
            yield "signature_invalid: a decision was not signed with a key of one's own"
        if self.deployment.started_at >= request.opened_at + needs.expires_after:
            yield "approval_expired: the approval was older than it may be"
        if needs.separate_deployer and self.deployment.started_person in {d.person for d in agreed}:
            yield "approver_deploys: whoever deployed had agreed"

    def _empty_seat(
        self, needs: Requirements, request: ApprovalRequest, agreed: list[Decision]
    ) -> tuple[str, ...] | None:
        """Return a seat that stays empty however those who agreed are seated; None where all are taken.

        Somebody stands for the roles of the seat that they filled, and for those that they hold now.
        """
        on = registry.resource_of(self.model, self.deployment.environment)
        may = [
            [
                number
                for number, d in enumerate(agreed)
                if any(
                    claimant == f"person:{d.person}"
                    or claimant in request.seats[d.seat]
                    or holds_role(self.view, d.actor, claimant.removeprefix("role:"), on)
                    for claimant in place
                )
            ]
            for place in needs.places
        ]
        taken: dict[int, int] = {}
        for seat, place in enumerate(needs.places):
            if not _seated(seat, may, taken, seen=set()):
                return place
        return None


def _seated(seat: int, may: list[list[int]], taken: dict[int, int], *, seen: set[int]) -> bool:
    """Seat somebody, moving others where they have another seat (Kuhn's augmenting path)."""
    for person in may[seat]:
        if person in seen:
            continue
        seen.add(person)
        if person not in taken or _seated(taken[person], may, taken, seen=seen):
            taken[person] = seat
            return True
    return False


def _was_staged(view: View, deployment: Deployment, wanted: timedelta) -> bool:
    began = deployment.started_at
    stays = queries.of_version(view, deployment.version, Environment.STAGING)
    return any(
        min(stay.ended_at or began, began) - stay.live_at >= wanted
        for stay in stays
        if stay.live_at is not None
    )
