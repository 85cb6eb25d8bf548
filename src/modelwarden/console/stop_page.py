"""The page that stops: what it hits, what callers get, why, and the name typed once more. With script, a dialog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import KILL, environment_of
from modelwarden.errors import ValueInvalid
from modelwarden.registry import actions as registry
from modelwarden.safeguards import actions
from modelwarden.safeguards.answers import activation_answer
from modelwarden.values.pages import Page
from modelwarden.values.words import named

EVERYTHING: Final = "everything"
PARTS: Final = ("version", "region", "segment", "consumer")
"""What a stop by this page can be narrowed to; scopes of other forms are for the command line."""
MOST_MODELS: Final = Page(limit=500)


class Blast(NamedTuple):
    """What a stop would hit, as far as guards tell: it is shown, never waited for."""

    models: int
    workers: int
    silent: int
    touching: int
    more: bool


def read(view: Any, query: Fields, frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    model = query.get("model")
    return {
        "model": model,
        "name": model or EVERYTHING,
        "parts": PARTS,
        "blast": _blast(view, model, environment_of({**query, **kept}), frame),
    }


def step(do: str, query: Fields, kept: Fields) -> Change:
    """Return the stop that the form asks for. Raises ValueInvalid."""
    model = query.get("model")
    name = model or EVERYTHING
    if do != "stop" or kept.get("typed") != name:
        raise ValueInvalid("typed", f"{name}, typed once more")
    narrowed = {part: kept[part] for part in PARTS if kept.get(part)}
    new = actions.NewSwitch(
        reason=kept.get("reason", ""),
        scope=({"model": model} if model else {}) | narrowed,
        environment=environment_of(kept),
        severity=named(actions.SwitchSeverity, kept.get("severity", "SEV2"), field="severity"),
        fallback=actions.steps(kept.get("fallback") or None),
        incident=kept.get("incident") or None,
        everything=not model and not narrowed,
    )
    return lambda change: activation_answer(change, actions.activate(change, new))


def _blast(view: Any, model: str | None, environment: Any, frame: Frame) -> Blast:  # noqa: ANN401  # a view
    """Return what a stop would hit now. Raises ModelNotFound."""
    more = False
    if model is None:
        found = actions.coverage(view, MOST_MODELS, environment=environment)
        guards, more = found.items, found.next_cursor is not None
    else:
        guards = actions.guarded(view, [registry.model(view, model)], environment=environment)
    live = [each for each in frame.live if each.environment is environment]
    return Blast(
        models=len(guards),
        workers=sum(each.live + each.late for each in guards),
        silent=sum(each.lost for each in guards),
        touching=len(live)
        if model is None
        else sum(actions.may_touch(each, model, None) for each in live),
        more=more,
    )


STOP: Final = Sheet(
    template="stop.html",
    title="Stop",
    place="/kill-switches/stop",
    read=read,
    names=("model", "environment"),
    step=step,
    after=KILL,
    ask="stop.html",
)
