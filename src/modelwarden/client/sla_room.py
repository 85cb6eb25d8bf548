"""The remote SDK's room of what is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import Call, path
from modelwarden.values.pages import Listing, Page
from modelwarden.values.slas import SeriesAnswer, SliAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.client.calls import Calls


class Sla:
    """What is measured of models in use, and what was counted."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

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
        body = {
            "resource_type": resource_type,
            "resource": resource,
            "labels": labels or {},
            "thresholds": list(thresholds),
        }
        return self._calls.write(SliAnswer, path("sla", "slis", name), body, method="PUT")

    def sli(self, name: str) -> SliAnswer:
        """Return what is measured under a name; `guard:<model>` needs no definition. Raises SliUnknown."""
        return self._calls.read(SliAnswer, path("sla", "slis", name))

    def slis(self, *, limit: int = 50, cursor: str | None = None) -> Listing[SliAnswer]:
        """Return a page of what is measured: definitions, and models whose guards reported in the last days."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(SliAnswer, path("sla", "slis"), page)

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
        query = {"since": since, "until": until, "step": step}
        return self._calls.read(SeriesAnswer, path("sla", "slis", name, "slots"), query)

    def record(self, report: bytes) -> None:
        """Send a report of slots, as `Recorder` writes them; sent again it counts once.

        Raises NotPermitted, SliUnknown, SlotRefused and its kinds.
        """
        call = Call(
            method="POST",
            path=path("sla", "slots"),
            headers={"Content-Type": "application/json"},
            content=lambda: report,
            repeatable=True,
        )
        self._calls.transport.send(call)
