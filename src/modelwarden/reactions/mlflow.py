"""MLflow's protected aliases follow our deployments, and are looked at: moved behind our back is told (RL-40, RL-57).

State is compared, not events: a crash between MLflow's answer and our commit sets the same alias once more. A server
that does not answer is tried again, and harms nothing else.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from modelwarden.deployments.mlflow import following
from modelwarden.deployments.mlflow.naming import our_name, protected_aliases
from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.errors import MlflowFailed
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.config import Settings
    from modelwarden.deployments.mlflow.following import Place, Standing
    from modelwarden.ledger.entry import Stored
    from modelwarden.store.change import Change, View
    from modelwarden.store.follower import Position
    from modelwarden.values.principal import Principal

T = TypeVar("T")
NAME: Final = "mlflow"
EVERY_S: Final = 60.0
PATIENCE_S: Final = 10.0
LOG: Final = logging.getLogger("modelwarden.mlflow")
_ACTOR: Final = system("mlflow")
_MARKS: Final = (b'"deployment.live"', b'"deployment.rolled_back"')
"""One of them stands in the body of each entry after which an alias is due: none need be parsed."""


class Acts(Protocol):
    """What a reaction needs of the Warden."""

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...


class _Seen(NamedTuple):
    """An alias as MLflow has it: `name` is what MLflow calls the model, `actual` the version it names."""

    name: str
    place: Place
    actual: str | None


class KeepAliases:
    """A follower's step: what goes live makes it look at once, and time each minute. Without an address it rests."""

    def __init__(self, warden: Acts, *, settings: Settings, every_s: float = EVERY_S) -> None:
        self._warden, self._every_s = warden, every_s
        self._url, self._puts_back = settings.mlflow_url, settings.mlflow_put_back
        self._protected = protected_aliases(settings.mlflow_aliases)
        self._looked_at = float("-inf")

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # nothing was gathered
        """Look at everything at once: whoever led before may have been killed in between."""
        self._looked_at = float("-inf")

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:  # noqa: ARG002
        """Look again soon where something went live."""
        if any(mark in stored.body for stored in batch for mark in _MARKS):
            self._looked_at = float("-inf")

    def idle(self) -> None:
        """Compare every model of MLflow that is registered here."""
        now = time.monotonic()
        if self._url is None or now - self._looked_at < self._every_s:
            return
        self._looked_at = now
        try:
            with MlflowRegistry(self._url, timeout_s=PATIENCE_S) as registry:
                self._compare(registry)
        except MlflowFailed as error:
            LOG.warning("MLflow's aliases were not compared: %s", error)

    def _compare(self, registry: MlflowRegistry) -> None:
        for model in registry.models():
            for alias, environment in self._protected.items():
                place = following.Place(
                    model=our_name(model.name), alias=alias, environment=environment
                )
                seen = _Seen(model.name, place, model.aliases.get(alias))
                found = self._warden.view(_ACTOR, partial(following.standing, place=place))
                if found is not None:
                    self._settle(registry, seen, found)

    def _settle(self, registry: MlflowRegistry, seen: _Seen, found: Standing) -> None:
        """Do the one thing that an alias needs; one model's failure keeps no other from its own."""
        try:
            if found.is_due:
                self._move(registry, seen, found)
            elif found.has_strayed(seen.actual):
                self._stray(registry, seen, found)
            elif found.kept.strayed_to is not None:
                self._warden.change(_ACTOR, partial(following.returned, place=seen.place))
        except MlflowFailed as error:
            LOG.warning("%s stays where it is: %s", found.kept.name, error)

    def _move(self, registry: MlflowRegistry, seen: _Seen, found: Standing) -> None:
        live = found.live
        if live is None:
            return
        if seen.actual != live.label:
            registry.set_alias(seen.name, seen.place.alias, live.label)
        self._warden.change(_ACTOR, partial(following.moved, place=seen.place, live=live))

    def _stray(self, registry: MlflowRegistry, seen: _Seen, found: Standing) -> None:
        """Tell of it once; with `mlflow.put_back`, where something is live, put it back each time.

        The list was read before our own rows: what it says is asked again, lest our own move looks like a stranger's.
        """
        actual = registry.version_at(seen.name, seen.place.alias)
        if not found.has_strayed(actual):
            return
        if found.kept.strayed_to != (actual or ""):
            tell = partial(following.strayed, place=seen.place, actual=actual)
            self._warden.change(_ACTOR, tell)
        if self._puts_back and found.live is not None:
            registry.set_alias(seen.name, seen.place.alias, found.live.label)
            self._warden.change(_ACTOR, partial(following.returned, place=seen.place))
