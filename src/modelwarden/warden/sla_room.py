"""The embedded SDK's room of what is measured."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.sla import actions
from modelwarden.sla.actions import ResourceType
from modelwarden.sla.answers import series_answer, sli_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.values.slas import SeriesAnswer, SliAnswer
    from modelwarden.warden.bound import Bound


class Sla:
    """What is measured of models in use, and what was counted."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def define_sli(
        self,
        name: str,
        *,
        resource: str,
        resource_type: str = "model",
        labels: Mapping[str, str] | None = None,
        thresholds: Sequence[str] = (),
    ) -> SliAnswer:
        """Define what is measured under a name, or define it anew.

        `resource_type` is `model`, `version`, `use_case`, `endpoint` or `deployment`; `thresholds` are rising decimals
        of seconds as text, at most 8.

        Raises NotPermitted, ModelNotFound, ValueInvalid.
        """
        new = actions.NewSli(
            resource_type=named(ResourceType, resource_type, field="resource_type"),
            resource=resource,
            labels=labels or {},
            thresholds=tuple(thresholds),
        )
        action = partial(actions.define_sli, name=name, new=new)
        return self._bound.write(action, sli_answer)

    def sli(self, name: str) -> SliAnswer:
        """Return what is measured under a name; `guard:<model>` needs no definition. Raises SliUnknown."""
        return self._bound.read(partial(actions.sli, name=name), sli_answer)

    def slis(self, *, limit: int = 50, cursor: str | None = None) -> Listing[SliAnswer]:
        """Return a page of what is measured: definitions, and models whose guards reported in the last days."""
        page = Page(limit=limit, cursor=cursor)
        return self._bound.page(partial(actions.slis, page=page), sli_answer)

    def slots(
        self,
        name: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        step: str | None = None,
    ) -> SeriesAnswer:
        """Return what was counted, step by step, of the last hour unless asked otherwise; a gap has no figures.

        `step` is such as `1m`, `5m`, `1h` or `1d`; of what is old only coarser ones are kept.

        Raises SliUnknown, ValueInvalid.
        """
        action = partial(actions.series, name=name, since=since, until=until, step=step)
        return self._bound.read(action, series_answer)

    def record(self, report: bytes) -> None:
        """Send a report of slots, as `Recorder` writes them; sent again it counts once.

        Raises NotPermitted, SliUnknown, SlotRefused and its kinds.
        """
        bound = self._bound
        accepted = bound.warden.view(bound.principal, partial(actions.accept, data=report))
        bound.warden.telemetry(bound.principal, partial(actions.keep, accepted=accepted))
