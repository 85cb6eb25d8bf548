"""The remote SDK's room of use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwarden.client.transport import path
from modelwarden.errors import NoOpenRequest
from modelwarden.values.answers import EntryAnswer, RequestAnswer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.use_cases import UsageAnswer, UseCaseAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.client.calls import Calls
    from modelwarden.client.release_rooms import Approvals
    from modelwarden.ledger.keys import Signer


class UseCases:
    """Business purposes that models serve (RL-8)."""

    def __init__(self, calls: Calls, asking: Approvals) -> None:
        self._calls = calls
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
        body = {
            "usecase": usecase,
            "name": name,
            "description": description,
            "owner": owner,
            "owner_person": owner_person,
            "models": models,
            "input_schema": input_schema,
            "output_schema": output_schema,
            "impact_level": impact_level,
            "affected_systems": affected_systems,
        }
        return self._calls.write(UseCaseAnswer, path("usecases"), body)

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
        body = {
            "name": name,
            "description": description,
            "owner": owner,
            "owner_person": owner_person,
            "models": models,
            "input_schema": input_schema,
            "output_schema": output_schema,
            "impact_level": impact_level,
            "affected_systems": affected_systems,
        }
        where = path("usecases", usecase)
        return self._calls.write(UseCaseAnswer, where, body, method="PATCH", revision=revision)

    def show(self, usecase: str) -> UseCaseAnswer:
        """Return a use case. Raises UseCaseNotFound."""
        return self._calls.read(UseCaseAnswer, path("usecases", usecase))

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
        filters = {"model": model, "status": status}
        return self._calls.page(UseCaseAnswer, path("usecases"), page, filters)

    def history(
        self, usecase: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[EntryAnswer]:
        """Return a page of what happened to a use case, newest first. Raises UseCaseNotFound."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(EntryAnswer, path("usecases", usecase, "history"), page)

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
        query = {"environment": environment, "since": since, "until": until, "step": step}
        return self._calls.read(UsageAnswer, path("usecases", usecase, "usage"), query)

    def submit(self, usecase: str, *, comment: str) -> UseCaseAnswer:
        """Ask for its approval; the comment says in 20 to 4,000 characters why.

        Raises UseCaseIncomplete, JustificationMissing, IllegalMove, ModelIsRetired.
        """
        where = path("usecases", usecase, "submit")
        return self._calls.write(UseCaseAnswer, where, {"comment": comment})

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
        where = path("usecases", usecase, "deploy")
        return self._calls.write(UseCaseAnswer, where, {"environment": environment})

    def deprecate(
        self,
        usecase: str,
        *,
        replacement: str | None = None,
        sunset_at: datetime | None = None,
        reason: str = "",
    ) -> UseCaseAnswer:
        """End it; calls that carry it are refused from the sunset on, or from now on. Raises UseCaseIsDeprecated, …."""
        body = {"replacement": replacement, "sunset_at": sunset_at, "reason": reason}
        return self._calls.write(UseCaseAnswer, path("usecases", usecase, "deprecate"), body)

    def _asked(self, usecase: str) -> str:
        request = self.show(usecase).request
        if request is None:
            raise NoOpenRequest(f"nothing is being asked about use case {usecase}; submit it")
        return request
