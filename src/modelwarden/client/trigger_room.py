"""The remote SDK's rooms of triggers and of datasets that arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwarden.client.decode import decode_all
from modelwarden.client.transport import path
from modelwarden.values.clock import timestamp
from modelwarden.values.pages import Listing, Page
from modelwarden.values.triggers import (
    DatasetAnswer,
    FailureModeAnswer,
    FiringAnswer,
    TriggerAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.client.calls import Calls


class Triggers:
    """Triggers: they judge what guards count, and note, propose or activate switches."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def set(  # noqa: PLR0913  # the fields of a trigger
        self,
        name: str,
        *,
        model: str,
        signal: str,
        environment: str = "production",
        by: str | None = None,
        ladder: Sequence[Mapping[str, Any]] | None = None,
        window_s: int | None = None,
        n_min: int | None = None,
        consecutive: int | None = None,
        dry_run: bool = False,
        auto_activate: bool = False,
        max_share: int = 2_500,
        budget: int = 3,
        owner: str | None = None,
        account: str | None = None,
    ) -> TriggerAnswer:
        """Write a version of a trigger: in force at once, or waiting for a second person. The same again is none.

        `ladder` are objects of `step` (note, incident, observe, proposal, switch), `threshold` and `clear`; what is
        left out comes from the signal. `max_share` is in basis points of the model's last hour, `budget` by the hour.

        Raises NotPermitted, ModelNotFound, ActorNotFound, OwnerNotAsked, TriggerLimit, ValueInvalid.
        """
        body = {
            "model": model,
            "signal": signal,
            "environment": environment,
            "by": by,
            "ladder": None if ladder is None else [dict(rung) for rung in ladder],
            "window_s": window_s,
            "n_min": n_min,
            "consecutive": consecutive,
            "dry_run": dry_run,
            "auto_activate": auto_activate,
            "max_share": max_share,
            "budget": budget,
            "owner": owner,
            "account": account,
        }
        return self._calls.write(TriggerAnswer, path("triggers", name), body, method="PUT")

    def approve(self, trigger: str) -> TriggerAnswer:
        """Agree, as the second person, to the version that waits, or to the end of a trigger.

        Raises NotFound, NotPermitted, SelfAgreement, OwnerNotAsked, TriggerNotWaiting.
        """
        return self._calls.write(TriggerAnswer, path("triggers", trigger, "approve"))

    def retire(self, trigger: str) -> TriggerAnswer:
        """Ask for the end of a trigger; it judges until a second person agrees.

        Raises NotFound, NotPermitted, TriggerNotWaiting.
        """
        return self._calls.write(TriggerAnswer, path("triggers", trigger, "retire"))

    def show(self, trigger: str) -> TriggerAnswer:
        """Return the newest version of a trigger. Raises NotFound."""
        return self._calls.read(TriggerAnswer, path("triggers", trigger))

    def list(
        self, *, model: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[TriggerAnswer]:
        """Return a page of the triggers that are in force or wait, by name."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(TriggerAnswer, path("triggers"), page, {"model": model})

    def history(
        self, trigger: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[TriggerAnswer]:
        """Return the versions of a trigger, newest first. Raises NotFound."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(TriggerAnswer, path("triggers", trigger, "versions"), page)

    def firings(
        self, trigger: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[FiringAnswer]:
        """Return a page of what a trigger fired, newest first. Raises NotFound."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(FiringAnswer, path("triggers", trigger, "firings"), page)

    def override_severity(self, firing: str, *, severity: str, reason: str) -> FiringAnswer:
        """Say how bad a firing is, instead of the rules.

        Raises NotFound, NotPermitted, ReasonRequired, ValueInvalid.
        """
        body = {"severity": severity, "reason": reason}
        return self._calls.write(FiringAnswer, path("firings", firing, "severity"), body)

    def failure_modes(
        self, model: str, *, environment: str = "production"
    ) -> tuple[FailureModeAnswer, ...]:
        """Return the ways in which a model fails, and what would notice. Raises ModelNotFound, NotPermitted."""
        query = {"model": model, "environment": environment}
        found = self._calls.fetch(path("failure-modes"), query).json()
        return decode_all(FailureModeAnswer, found)


class Freshness:
    """Datasets that arrive: what they have to be like, and whether they are."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def set(
        self,
        dataset: str,
        *,
        cadence_s: int,
        max_age_s: int,
        min_rows: int = 0,
        columns: Sequence[str] | Mapping[str, str] | None = None,
    ) -> DatasetAnswer:
        """Say what a dataset has to be like; the same again changes nothing. Raises NotPermitted, ValueInvalid."""
        body = {
            "cadence_s": cadence_s,
            "max_age_s": max_age_s,
            "min_rows": min_rows,
            "columns": _columns(columns),
        }
        return self._calls.write(DatasetAnswer, path("freshness", dataset), body, method="PUT")

    def gate(
        self,
        dataset: str,
        *,
        as_of: datetime | None = None,
        rows: int | None = None,
        columns: Sequence[str] | Mapping[str, str] | None = None,
    ) -> DatasetAnswer:
        """Check a dataset that arrives; what is found is recorded. Raises NotFound, NotPermitted, ValueInvalid."""
        moment = None if as_of is None else timestamp(as_of)
        body = {"as_of": moment, "rows": rows, "columns": _columns(columns)}
        return self._calls.write(DatasetAnswer, path("freshness", dataset), body)

    def show(self, dataset: str) -> DatasetAnswer:
        """Return how fresh a dataset is now. Raises NotFound, NotPermitted."""
        return self._calls.read(DatasetAnswer, path("freshness", dataset))

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[DatasetAnswer]:
        """Return a page of datasets, by name. Raises NotPermitted."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(DatasetAnswer, path("freshness"), page)


def _columns(columns: Sequence[str] | Mapping[str, str] | None) -> object:
    return list(columns) if isinstance(columns, tuple) else columns
