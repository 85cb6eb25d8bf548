"""Ways to fail: which models have what nobody would notice, and for one model the drill that proves each way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from modelwarden.console.desk import Fields, Sheet
from modelwarden.console.drill_pages import Drilled, drilled
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import environment_of
from modelwarden.console.words import plain, sentence
from modelwarden.errors import ValueInvalid
from modelwarden.guard.faults import parse_fault
from modelwarden.registry import actions as registry
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.answers import failure_mode_answers
from modelwarden.safeguards.triggers.signal import SIGNALS
from modelwarden.values.pages import Listing, Page
from modelwarden.values.triggers import FailureModeAnswer

ROWS: Final = 25
PREFIXES: Final = {"built_in": "the program itself", "check": "to be asked elsewhere"}


class Exposed(NamedTuple):
    """A model: how many ways to fail are covered, how many were drilled, and its last drill."""

    model: str
    modes: tuple[FailureModeAnswer, ...]
    last: Drilled | None

    @property
    def uncovered(self) -> int:
        """How many ways to fail nobody would notice."""
        return sum(each.state == "uncovered" for each in self.modes)

    @property
    def drilled(self) -> int:
        """How many were made to happen on purpose at some time."""
        return sum(each.last_drilled is not None for each in self.modes)


class Mode(NamedTuple):
    """A way to fail with its words.

    Attributes:
        detectors: words, the signal that a trigger would judge if it is one, and whether it is on.
        drill: the fault of the drill that proves it, if it can be run here.
    """

    mode: FailureModeAnswer
    name: str
    detectors: tuple[tuple[str, str, bool], ...]
    drill: str | None


def read_models(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return a page of models, each with what is covered."""
    place = environment_of(query)
    page = Page(limit=ROWS, cursor=query.get("cursor"))
    found = registry.models(view, page, wanted=registry.ModelFilter(text=query.get("text")))
    names = tuple(each.name for each in found.items)
    last = actions.last_drills(view, names)
    covered = actions.covered_each(view, found.items, environment=place)
    return {
        "rows": [
            Exposed(
                model=name,
                modes=failure_mode_answers(view, covered.get(name, [])),
                last=drilled(view, [last[name]])[0] if name in last else None,
            )
            for name in names
        ],
        "environment": place.value,
        "more": found.next_cursor,
    }


def read_model(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of one model shows, uncovered ways first. Raises ModelNotFound, NotPermitted."""
    place = environment_of(query)
    found = [_mode(each) for each in mode_rows(view, query, Page()).items]
    last = actions.last_drill(view, query["model"])
    return {
        "model": query["model"],
        "modes": sorted(
            found, key=lambda each: (each.mode.state != "uncovered", each.mode.severity)
        ),
        "environment": place.value,
        "last": None if last is None else drilled(view, [last])[0],
    }


def mode_rows(view: Any, query: Fields, _page: Page) -> Listing[FailureModeAnswer]:  # noqa: ANN401  # a view
    """Return each way to fail of a model; there are few."""
    found = actions.covered(view, query["model"], environment=environment_of(query))
    return Listing(failure_mode_answers(view, found))


def _mode(mode: FailureModeAnswer) -> Mode:
    return Mode(
        mode=mode,
        name=sentence(plain(mode.name)),
        detectors=tuple(
            (_detector(each), each if each in SIGNALS else "", each in mode.on)
            for each in mode.detectors
        ),
        drill=mode.proving_fault if _can_run(mode.proving_fault) else None,
    )


def _detector(name: str) -> str:
    """Return what would notice: `error rate`, or `breaker fleet, by the program itself`."""
    first, dot, rest = name.partition(".")
    if not dot:
        return f"trigger on {plain(first)}"
    return f"{plain(rest)}, {PREFIXES.get(first, plain(first))}"


def _can_run(fault: str | None) -> bool:
    """Tell whether a drill knows this fault: some are proven outside, by hand."""
    try:
        parse_fault(fault or "")
    except ValueInvalid:
        return False
    return True


FAILURES: Final = Sheet(
    template="failures.html",
    title="Failure modes",
    place="/failure-modes",
    read=read_models,
    names=("text", "environment", "cursor"),
)
FAILURE: Final = Sheet(
    template="failure.html",
    title="Failure modes of a model",
    place="/failure-modes/{model}",
    read=read_model,
    names=("environment",),
    rows=mode_rows,
)
