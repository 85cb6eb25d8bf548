"""The embedded SDK's room of use cases."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from modelwarden.approvals import actions as approvals
from modelwarden.audit import actions as audit
from modelwarden.errors import NoOpenRequest
from modelwarden.registry import actions
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.use_cases.answers import use_case_answer
from modelwarden.sla import actions as sla
from modelwarden.sla.answers import usage_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.ledger.keys import Signer
    from modelwarden.values.answers import EntryAnswer, RequestAnswer
    from modelwarden.values.use_cases import UsageAnswer, UseCaseAnswer
    from modelwarden.warden.bound import Bound
    from modelwarden.warden.release_rooms import Approvals


class UseCases:
    """Business purposes that models serve (RL-8)."""

    def __init__(self, bound: Bound, asking: Approvals) -> None:
        self._bound = bound
        self._approvals = asking

    def create(  # noqa: PLR0913  # the fields of a use case
        self,
        usecase: str,
        *,
        name: str | None = None,
        description: str | None = None,
        owner: str | None = None,
        owner_person: str | None = None,
        models: Sequence[str] = (),
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
        impact_level: str | None = None,
        affected_systems: Sequence[str] = (),
    ) -> UseCaseAnswer:
        """Write a use case down; `owner` is a person, or a group for which `owner_person` stands in duties.

        Raises NotPermitted, UseCaseExists, ModelNotFound, ModelIsRetired, ValueInvalid.
        """
        words = actions.UseCaseWords(
            title=name,
            description=description,
            owner=owner,
            owner_person=owner_person,
            models=tuple(models),
            input_schema=input_schema,
            output_schema=output_schema,
            impact=impact_level,
            systems=tuple(affected_systems),
        )
        action = partial(actions.create_use_case, name=usecase, words=words)
        return self._bound.write(action, use_case_answer)

    def update(  # noqa: PLR0913  # the fields of a use case
        self,
        usecase: str,
        *,
        name: str | None = None,
        description: str | None = None,
        owner: str | None = None,
        owner_person: str | None = None,
        models: Sequence[str] | None = None,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
        impact_level: str | None = None,
        affected_systems: Sequence[str] | None = None,
        revision: int | None = None,
    ) -> UseCaseAnswer:
        """Change a use case; what was approved and changes is a draft again (RL-9). Raises RevisionConflict, …."""
        words = actions.UseCaseWords(
            title=name,
            description=description,
            owner=owner,
            owner_person=owner_person,
            models=None if models is None else tuple(models),
            input_schema=input_schema,
            output_schema=output_schema,
            impact=impact_level,
            systems=None if affected_systems is None else tuple(affected_systems),
        )
        action = partial(actions.update_use_case, name=usecase, words=words, revision=revision)
        return self._bound.write(action, use_case_answer)

    def show(self, usecase: str) -> UseCaseAnswer:
        """Return a use case. Raises UseCaseNotFound."""
        return self._bound.read(partial(actions.use_case, name=usecase), use_case_answer)

    def list(
        self,
        *,
        model: str | None = None,
        status: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[UseCaseAnswer]:
        """Return a page of use cases, by name."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.use_cases, page=page, model=model, state=status)
        return self._bound.page(action, use_case_answer)

    def history(
        self, usecase: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[EntryAnswer]:
        """Return a page of what happened to a use case, newest first. Raises UseCaseNotFound."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(audit.use_case_history, name=usecase, page=page)
        return self._bound.page(action, lambda _view, entry: entry)

    def usage(
        self,
        usecase: str,
        *,
        environment: str = "production",
        since: datetime | None = None,
        until: datetime | None = None,
        step: str | None = None,
    ) -> UsageAnswer:
        """Return what guards counted for a use case, of the last 30 days unless asked otherwise; a gap has no figures.

        `step` is such as `5m`, `1h` or `1d`; of what is old only coarser ones are kept.

        Raises UseCaseNotFound, ValueInvalid.
        """
        action = partial(
            sla.usage, name=usecase, environment=environment, since=since, until=until, step=step
        )
        return self._bound.read(action, usage_answer)

    def submit(self, usecase: str, *, comment: str) -> UseCaseAnswer:
        """Ask for its approval; the comment says in 20 to 4,000 characters why.

        Raises UseCaseIncomplete, JustificationMissing, IllegalMove, ModelIsRetired.
        """
        action = partial(approvals.submit_use_case, name=usecase, comment=comment)
        return self._bound.write(action, use_case_answer)

    def approve(
        self,
        usecase: str,
        *,
        comment: str | None = None,
        key: Signer | None = None,
        seat: int | None = None,
    ) -> RequestAnswer:
        """Agree, as `approvals.approve` does. Raises NoOpenRequest, SelfApproval, NotPermitted, …."""
        return self._approvals.approve(self._asked(usecase), comment=comment, key=key, seat=seat)

    def reject(
        self, usecase: str, *, comment: str, key: Signer | None = None, seat: int | None = None
    ) -> RequestAnswer:
        """Disagree, and say why. Raises NoOpenRequest, SelfApproval, NotPermitted, …."""
        return self._approvals.reject(self._asked(usecase), comment=comment, key=key, seat=seat)

    def deploy(self, usecase: str, *, environment: str | None = None) -> UseCaseAnswer:
        """Let it go into use where each of its models is live: in staging, then in production. Raises GateRefused."""
        place = maybe_named(Environment, environment, field="environment")
        action = partial(approvals.deploy_use_case, name=usecase, environment=place)
        return self._bound.write(action, use_case_answer)

    def deprecate(
        self,
        usecase: str,
        *,
        replacement: str | None = None,
        sunset_at: datetime | None = None,
        reason: str = "",
    ) -> UseCaseAnswer:
        """End it; calls that carry it are refused from the sunset on, or from now on. Raises UseCaseIsDeprecated, …."""
        action = partial(
            approvals.deprecate_use_case,
            name=usecase,
            replacement=replacement,
            sunset_at=sunset_at,
            reason=reason,
        )
        return self._bound.write(action, use_case_answer)

    def _asked(self, usecase: str) -> str:
        request = self.show(usecase).request
        if request is None:
            raise NoOpenRequest(f"nothing is being asked about use case {usecase}; submit it")
        return request
