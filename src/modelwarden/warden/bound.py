"""How a room reaches the database: one actor's way to run changes and reads, with words filled in inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from modelwarden.values.pages import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.approvals.external import Source
    from modelwarden.config import Settings
    from modelwarden.ledger.elsewhere import FarEnd
    from modelwarden.store.change import Change, Telemetry, View
    from modelwarden.store.receipt import Standing
    from modelwarden.values.principal import Principal
    from modelwarden.warden.mlflow_sync import MlflowSync

T = TypeVar("T")
A = TypeVar("A")


class Runs(Protocol):
    """What a room needs of the Warden."""

    @property
    def settings(self) -> Settings:
        """Return what the process runs with."""
        ...

    @property
    def sources(self) -> Mapping[str, Source]:
        """Return the other systems of record that can be read, by name."""
        ...

    @property
    def mlflow(self) -> MlflowSync:
        """Return what keeps MLflow's registry in step."""
        ...

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...

    def sign(self) -> None:
        """Sign a checkpoint over all that is committed, now."""
        ...

    def standing(self, seq: int) -> Standing:
        """Return how far an entry is proven now."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...

    def copies(self) -> tuple[FarEnd, ...]:
        """Return what lies at the far ends of the sinks; read the database afterwards."""
        ...

    def telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> T:
        """Run writes that are no change."""
        ...


class Bound:
    """One actor's way to the database."""

    def __init__(self, warden: Runs, principal: Principal) -> None:
        self.warden = warden
        self.principal = principal

    @property
    def settings(self) -> Settings:
        """Return what the process runs with."""
        return self.warden.settings

    @property
    def sources(self) -> Mapping[str, Source]:
        """Return the other systems of record that can be read, by name."""
        return self.warden.sources

    def write(self, action: Callable[[Change], T], answer: Callable[[View, T], A]) -> A:
        """Run a change and answer with its result as callers see it."""
        return self.warden.change(self.principal, answered(action, answer))

    def read(self, action: Callable[[View], T], answer: Callable[[View, T], A]) -> A:
        """Run a read and answer with its result as callers see it."""
        return self.warden.view(self.principal, lambda view: answer(view, action(view)))

    def page(
        self, action: Callable[[View], Listing[T]], answer: Callable[[View, T], A]
    ) -> Listing[A]:
        """Run a read of a list and answer with its page as callers see it."""
        return self.warden.view(self.principal, listed(action, answer))


def answered(
    action: Callable[[Change], T], answer: Callable[[View, T], A]
) -> Callable[[Change], A]:
    """Return the action, answering with its result as callers see it, in the same transaction."""
    return lambda change: answer(change, action(change))


def listed(
    action: Callable[[View], Listing[T]], answer: Callable[[View, T], A]
) -> Callable[[View], Listing[A]]:
    """Return the read of a list, each item as callers see it."""

    def run(view: View) -> Listing[A]:
        found = action(view)
        return Listing(
            tuple(answer(view, item) for item in found.items), found.next_cursor, found.indexed_to
        )

    return run
