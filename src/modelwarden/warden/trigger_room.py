"""The embedded SDK's rooms of triggers and of datasets that arrive."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from modelwarden.safeguards import actions
from modelwarden.safeguards.actions import Environment, SwitchSeverity
from modelwarden.safeguards.triggers import answers
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.values.triggers import (
        DatasetAnswer,
        FailureModeAnswer,
        FiringAnswer,
        TriggerAnswer,
    )
    from modelwarden.warden.bound import Bound


class Triggers:
    """Triggers: they judge what guards count, and note, propose or activate switches."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

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
        new = actions.NewTrigger(
            name=name,
            model=model,
            signal=signal,
            environment=named(Environment, environment, field="environment"),
            by=by,
            ladder=ladder,
            window_s=window_s,
            n_min=n_min,
            consecutive=consecutive,
            dry_run=dry_run,
            auto_activate=auto_activate,
            max_share=max_share,
            budget=budget,
            owner=owner,
            account=account,
        )
        return self._bound.write(partial(actions.set_trigger, new=new), answers.trigger_answer)

    def approve(self, trigger: str) -> TriggerAnswer:
        """Agree, as the second person, to the version that waits, or to the end of a trigger.

        Raises NotFound, NotPermitted, SelfAgreement, OwnerNotAsked, TriggerNotWaiting.
        """
        action = partial(actions.approve_trigger, name=trigger)
        return self._bound.write(action, answers.trigger_answer)

    def retire(self, trigger: str) -> TriggerAnswer:
        """Ask for the end of a trigger; it judges until a second person agrees.

        Raises NotFound, NotPermitted, TriggerNotWaiting.
        """
        action = partial(actions.retire_trigger, name=trigger)
        return self._bound.write(action, answers.trigger_answer)

    def show(self, trigger: str) -> TriggerAnswer:
        """Return the newest version of a trigger. Raises NotFound."""
        return self._bound.read(partial(actions.trigger, name=trigger), answers.trigger_answer)

    def list(
        self, *, model: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[TriggerAnswer]:
        """Return a page of the triggers that are in force or wait, by name."""
        action = partial(actions.triggers, page=Page(limit=limit, cursor=cursor), model=model)
        return self._bound.page(action, answers.trigger_answer)

    def history(
        self, trigger: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[TriggerAnswer]:
        """Return the versions of a trigger, newest first. Raises NotFound."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.trigger_versions, name=trigger, page=page)
        return self._bound.page(action, answers.trigger_answer)

    def firings(
        self, trigger: str, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[FiringAnswer]:
        """Return a page of what a trigger fired, newest first. Raises NotFound."""
        page = Page(limit=limit, cursor=cursor)
        return self._bound.page(
            partial(actions.firings, name=trigger, page=page), answers.firing_answer
        )

    def override_severity(self, firing: str, *, severity: str, reason: str) -> FiringAnswer:
        """Say how bad a firing is, instead of the rules.

        Raises NotFound, NotPermitted, ReasonRequired, ValueInvalid.
        """
        action = partial(
            actions.override_severity,
            firing_id=firing,
            severity=named(SwitchSeverity, severity, field="severity"),
            reason=reason,
        )
        return self._bound.write(action, answers.firing_answer)

    def failure_modes(
        self, model: str, *, environment: str = "production"
    ) -> tuple[FailureModeAnswer, ...]:
        """Return the ways in which a model fails, and what would notice. Raises ModelNotFound, NotPermitted."""
        place = named(Environment, environment, field="environment")
        action = partial(actions.covered, model=model, environment=place)
        return self._bound.read(action, answers.failure_mode_answers)


class Freshness:
    """Datasets that arrive: what they have to be like, and whether they are."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

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
        expected = actions.Expected(
            cadence_s=cadence_s, max_age_s=max_age_s, min_rows=min_rows, columns=columns
        )
        action = partial(actions.set_freshness, name=dataset, expected=expected)
        return self._bound.write(action, answers.dataset_answer)

    def gate(
        self,
        dataset: str,
        *,
        as_of: datetime | None = None,
        rows: int | None = None,
        columns: Sequence[str] | Mapping[str, str] | None = None,
    ) -> DatasetAnswer:
        """Check a dataset that arrives; what is found is recorded. Raises NotFound, NotPermitted, ValueInvalid."""
        arrived = actions.Arrived(as_of=as_of, rows=rows, columns=columns)
        action = partial(actions.gate_freshness, name=dataset, arrived=arrived)
        return self._bound.write(action, answers.dataset_answer)

    def show(self, dataset: str) -> DatasetAnswer:
        """Return how fresh a dataset is now. Raises NotFound, NotPermitted."""
        return self._bound.read(partial(actions.dataset, name=dataset), answers.dataset_answer)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[DatasetAnswer]:
        """Return a page of datasets, by name. Raises NotPermitted."""
        action = partial(actions.datasets, page=Page(limit=limit, cursor=cursor))
        return self._bound.page(action, answers.dataset_answer)
