"""What all calls of one app share: the warden, the threads that read for the event loop, the limits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar, cast

from starlette.requests import Request

from modelwarden.api.limits import Limits
from modelwarden.api.streams import Broadcasts, Streams
from modelwarden.config import Settings
from modelwarden.values.clock import Clock
from modelwarden.values.health import FiguresAnswer, HealthAnswer, SettingAnswer
from modelwarden.values.principal import Principal

T = TypeVar("T")

READERS: Final = 4
STEPS: Final = 2
"""Threads that hash and wait; apart from the readers, so that a large file holds up no list."""


class Operates(Protocol):
    """What the API asks about the process."""

    def unready(self) -> tuple[str, ...]:
        """Return the parts for which writes would be refused."""
        ...

    def health(self) -> HealthAnswer:
        """Return the state of each part."""
        ...

    def figures(self, view: Any) -> FiguresAnswer:  # noqa: ANN401  # a view
        """Return the figures of this moment."""
        ...

    def settings(self, view: Any) -> tuple[SettingAnswer, ...]:  # noqa: ANN401  # a view
        """Return the settings in force."""
        ...


class TakesReports(Protocol):
    """Where reports of guards go."""

    def take(self, instance: Any, /) -> None:  # noqa: ANN401  # a guard as it stands
        """Keep a report, to be written soon."""
        ...


class TakesFlushes(Protocol):
    """Where counts of guards go."""

    def take(self, counted: Any, /) -> Future[None]:  # noqa: ANN401  # counts by slot
        """Keep counts; done once they are written."""
        ...


class TakesSlots(Protocol):
    """Where reports of slots go."""

    def take(self, principal: Principal, accepted: Any, /) -> Future[int]:  # noqa: ANN401  # what was read
        """Queue a report that was accepted."""
        ...


class Serves(Protocol):
    """What the API needs of the Warden."""

    @property
    def settings(self) -> Settings:
        """Return what the process runs with."""
        ...

    @property
    def sources(self) -> Any:  # noqa: ANN401  # what deployments read before the gate
        """Return the other systems of record that can be read, by name."""
        ...

    @property
    def github(self) -> Any:  # noqa: ANN401  # its hooks, for what is delivered
        """Return the repository at GitHub that is set up, or None."""
        ...

    @property
    def servicenow(self) -> Any:  # noqa: ANN401  # its source, for what is pushed
        """Return the ServiceNow instance that is set up, or None."""
        ...

    @property
    def mlflow(self) -> Any:  # noqa: ANN401  # what keeps MLflow's registry in step
        """Return what takes hints about MLflow, and looks at it."""
        ...

    @property
    def clock(self) -> Clock:
        """Return where "now" comes from."""
        ...

    @property
    def operation(self) -> Operates:
        """Return how the process is."""
        ...

    def known(self, secret: str, *, address: str | None = None) -> Principal | None:
        """Return who a token stands for, if it was seen before."""
        ...

    def authenticate(self, secret: str, *, address: str | None = None) -> Principal:
        """Return who a token stands for."""
        ...

    def submit(self, principal: Principal, action: Callable[[Any], Any]) -> Future[Any]:
        """Queue a change."""
        ...

    def submit_once(
        self,
        principal: Principal,
        action: Callable[[Any], tuple[str, T]],
        *,
        key: tuple[str, str],
        again: Callable[[Any, str], T],
    ) -> Future[Any]:
        """Queue a change that may be sent again."""
        ...

    def view(self, principal: Principal, action: Callable[[Any], T]) -> T:
        """Run a read."""
        ...

    def sign(self) -> None:
        """Sign a checkpoint now."""
        ...

    def copies(self) -> Any:  # noqa: ANN401  # what lies at the far ends of the sinks
        """Return what lies there, to be compared with what a view shows that begins later."""
        ...

    @property
    def is_witnessed(self) -> bool:
        """Tell whether a quorum of witnesses is asked for."""
        ...

    def receipt(self, receipt: Any, /) -> Any:  # noqa: ANN401  # the writer's receipt
        """Return a receipt as it stands now."""
        ...

    def standing(self, seq: int) -> Any:  # noqa: ANN401  # how far an entry is proven
        """Return how far an entry is proven now."""
        ...

    @property
    def snapshots(self) -> Broadcasts:
        """Return what keeps snapshots current for whoever listens."""
        ...

    @property
    def reports(self) -> TakesReports:
        """Return where reports of guards go."""
        ...

    @property
    def drift(self) -> TakesFlushes:
        """Return where counts of guards go."""
        ...

    @property
    def intake(self) -> TakesSlots:
        """Return where reports of slots go."""
        ...

    def telemetry(self, principal: Principal, action: Callable[[Any], T]) -> T:
        """Run writes that are no change."""
        ...


class Host:
    """The shared part of one app. Close it when the app ends."""

    def __init__(self, warden: Serves) -> None:
        self.warden: Final = warden
        self.limits: Final = Limits(warden.settings)
        self.answers: Final[Counter[str]] = Counter()
        self.streams: Final = Streams(warden)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="modelwarden-reader")
        self._steps = ThreadPoolExecutor(STEPS, thread_name_prefix="modelwarden-step")

    async def look(self, principal: Principal, action: Callable[[Any], T]) -> T:
        """Run a read of the database."""
        return await self.read(lambda: self.warden.view(principal, action))

    async def read(self, step: Callable[[], T]) -> T:
        """Run something that reads the database."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, step)

    async def prepare(self, step: Callable[[], T]) -> T:
        """Run something slow."""
        return await asyncio.get_running_loop().run_in_executor(self._steps, step)

    def close(self) -> None:
        """Let the threads end."""
        self._readers.shutdown(wait=False)
        self._steps.shutdown(wait=False)


def host_of(request: Request) -> Host:
    """Return the shared part of the app that answers this request."""
    return cast("Host", request.app.state.host)
