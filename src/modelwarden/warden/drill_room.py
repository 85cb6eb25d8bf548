"""The embedded SDK's room of drills."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from modelwarden.safeguards import actions
from modelwarden.safeguards.drills.answers import drill_answer, overdue_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.values.drills import DrillAnswer, OverdueAnswer
    from modelwarden.warden.bound import Bound


class Drills:
    """Drills: faults put into predictions on purpose, and what came of them."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def run(  # noqa: PLR0913  # the fields of a drill
        self,
        fault: str,
        scope: Mapping[str, Any],
        *,
        except_: Mapping[str, Any] | None = None,
        share: float | str = "0.01",
        ttl: str = "10m",
        environment: str = "staging",
        detect_within: str | None = None,
        activate_within: str | None = None,
        confirm_within: str | None = None,
    ) -> DrillAnswer:
        """Put a fault into a part of a model's traffic: at once, or in production once another person confirms.

        `fault` is a word such as `nan`, `error`, `latency:200ms` or `drift:0.4`; `scope` names one model, and perhaps
        other dimensions as a switch does; `share` is the part of it that is struck. The targets are times from the
        start, such as `5m`: one that is missed fails the drill, and so does one that nothing sees.

        Raises NotPermitted, DrillRefused, ScopeEmpty, UnknownDimension, UnknownTarget, ValueInvalid.
        """
        new = actions.NewDrill(
            fault=fault,
            scope=scope,
            exception=except_ or {},
            share=share,
            ttl=ttl,
            environment=named(actions.Environment, environment, field="environment"),
            detect_within=detect_within,
            activate_within=activate_within,
            confirm_within=confirm_within,
        )
        return self._bound.write(partial(actions.run_drill, new=new), drill_answer)

    def confirm(self, drill: str) -> DrillAnswer:
        """Let a drill begin that another person asked for.

        Raises NotFound, NotPermitted, SamePerson, DrillRefused.
        """
        return self._bound.write(partial(actions.confirm_drill, drill_id=drill), drill_answer)

    def stop(self, drill: str) -> DrillAnswer:
        """End a drill at once, or take it back before it began. Raises NotFound, NotPermitted, DrillRefused."""
        return self._bound.write(partial(actions.stop_drill, drill_id=drill), drill_answer)

    def show(self, drill: str) -> DrillAnswer:
        """Return a drill, and once it is reported what came of it. Raises NotFound."""
        return self._bound.read(partial(actions.drill, drill_id=drill), drill_answer)

    def list(
        self, *, model: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[DrillAnswer]:
        """Return a page of drills, newest first."""
        action = partial(actions.drills, page=Page(limit=limit, cursor=cursor), model=model)
        return self._bound.page(action, drill_answer)

    def overdue(self, *, limit: int = 50, cursor: str | None = None) -> Listing[OverdueAnswer]:
        """Return a page of the ways to fail that no drill made happen for too long, by model and name."""
        action = partial(actions.overdue, page=Page(limit=limit, cursor=cursor))
        return self._bound.page(action, overdue_answer)
