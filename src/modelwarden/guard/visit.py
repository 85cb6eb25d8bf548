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
    from modelwarden.guard.held import Rules

    Sources = Mapping[str, Callable[[Any], object]]

NO_SOURCES: Final[Mapping[str, Callable[[Any], object]]] = MappingProxyType({})


def within(before: Mapping[str, object], values: Mapping[str, object]) -> Mapping[str, object]:
    """Return what is known around a call once some values are others; a visit goes on being told."""
    return before | values if isinstance(before, Visit) else {**before, **values}


class Visit(Mapping[str, object]):
    """One request. It belongs to the threads and tasks that answer it.

    Attributes:
        decision: of the guarded calls within: the last whose answer was not as the model gave it, else one that was;
            None while the short way answered all, or there was none.
        refused: why the request is not let in, or its answer not out.
        pending: why an answer must not leave unless a guarded call within has decided; "" for no reason.
        rules: under which it was let in.
        entered: it counts among those in flight.
        started: its answer is on its way.
    """

    # Defaults stand at the class: a visit is made for each request, and few of them change.
    decision: Decision | None = None
    refused: Decision | None = None
    pending = ""
    switches: tuple[str, ...] = ()
    rules: Rules | None = None
    entered = False
    started = False
    token: Token[Mapping[str, object]] | None = None
    _found: dict[str, object] | None = None

    def __init__(self, sources: Sources, request: object, outer: Mapping[str, object]) -> None:
        self._sources, self._request, self._outer = sources, request, outer

    def take(self, decision: Decision) -> None:
        """Take in what a guarded call decided; an answer as it should be hides none that was not."""
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
        inner = Visit(NO_SOURCES, None, self)
        inner._found = dict(values)
        return inner
