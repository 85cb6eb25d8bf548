"""What reactions need of the Warden, which lies above them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.approvals.external import Source
    from modelwarden.store.change import Change, Telemetry, View
    from modelwarden.values.principal import Principal

T = TypeVar("T")


class Acts(Protocol):
    """Who lets a reaction read and act."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """Return the other systems of record that can be read, by name."""
        ...

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...

    def telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> T:
        """Run writes that are no change, and wait for their commit."""
        ...
