"""One request on its way through a web program: what is known of it, and what became of the predictions in it (SG-55).

A visit is the context of all guarded calls within it. Its values are read when a switch first asks for them, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.decision import Status

if TYPE_CHECKING:
    from contextvars import Token

    from modelwarden.guard.decision import Decision
    from modelwarden.guard.held import Held

    Sources = Mapping[str, Callable[[Any], object]]

NO_SOURCES: Final[Mapping[str, Callable[[Any], object]]] = MappingProxyType({})


def within(before: Mapping[str, object], values: Mapping[str, object]) -> Mapping[str, object]:
    """Return what is known around a call once some values are others; a visit goes on being told."""
    return before | values if isinstance(before, Visit) else {**before, **values}


class Visit(Mapping[str, object]):
    """One request. It belongs to the threads and tasks that answer it; `Gate.enter` or `visit_of` makes one.

    Attributes:
        decision: of the guarded calls within: the last whose answer was not as the model gave it, else one that was;
            None while the short way answered all, or there was none.
        refused: why the request is not let in, or its answer not out.
        pending: why an answer must not leave unless a guarded call within has decided; "" for no reason.
        held: what counted as it was judged last, or None.
        is_quiet: nobody has decided anything, so that its answer may go out if the same still counts.
        entered: it counts among those in flight.
        started: its answer is on its way.
    """

    # No `__init__` and no defaults at the class: one is made for each request, and slots are the quickest to fill.
    __slots__ = (
        "_found", "_outer", "_request", "_sources", "decision", "entered", "held", "is_quiet", "pending", "refused",
        "started", "switches", "token",
    )  # fmt: skip

    decision: Decision | None
    refused: Decision | None
    pending: str
    switches: tuple[str, ...]
    held: Held | None
    is_quiet: bool
    entered: bool
    started: bool
    token: Token[Mapping[str, object]] | None
    _found: dict[str, object] | None
    _sources: Sources
    _request: object
    _outer: Mapping[str, object]

    def begin(self, sources: Sources, request: object, outer: Mapping[str, object]) -> None:
        """Set out: nothing is known, and nobody has decided anything."""
        self._sources, self._request, self._outer = sources, request, outer
        self.decision = self.refused = self.held = self._found = self.token = None
        self.entered = self.started = self.is_quiet = False
        self.pending = ""

    def take(self, decision: Decision) -> None:
        """Take in what a guarded call decided; an answer as it should be hides none that was not."""
        self.is_quiet = False
        if self.decision is None or decision.status is not Status.OK:
            self.decision = decision
        if isinstance(self._outer, Visit):
            self._outer.take(decision)

    def get(self, name: str, default: object = None) -> object:
        """Return a value, or the default where nobody knows one."""
        found = self._found
        if found is None:
            found = self._found = {}
        if name in found:
            return found[name]
        source = self._sources.get(name)
        value = None if source is None else source(self._request)
        if value is None:
            value = self._outer.get(name, default)
        found[name] = value
        return value

    def __getitem__(self, name: str) -> object:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        names = (*self._sources, *(self._found or ()), *self._outer)
        return (name for name in dict.fromkeys(names) if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __or__(self, values: Mapping[str, object]) -> Visit:
        """Return the same visit, where some values are others for a while."""
        inner = visit_of(NO_SOURCES, None, self)
        inner._found = dict(values)
        return inner


def visit_of(sources: Sources, request: object, outer: Mapping[str, object]) -> Visit:
    """Return a visit.

    Args:
        sources: by dimension, what reads its value off a request.
        request: the request.
        outer: what is known around it.
    """
    made = Visit()
    made.begin(sources, request, outer)
    return made
