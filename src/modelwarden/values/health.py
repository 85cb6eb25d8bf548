"""How the program is: what `health`, `ready`, `settings` and `/metrics` tell. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the API reads the annotations at run time


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentAnswer:
    """One part of the program: `ok`, `degraded` (reads go on) or `down` (what writes need is missing)."""

    name: str
    status: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthAnswer:
    """All parts, and the worst of them."""

    status: str
    components: tuple[ComponentAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFigure:
    """One endpoint at one moment: its id, its state, and how many entries it was not served yet."""

    endpoint: str
    state: str
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFiguresAnswer:
    """How far one sink is behind."""

    name: str
    lag_entries: int
    lag_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeguardFigure:
    """One number about switches or guards, by its labels."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresAnswer:
    """Figures of one moment."""

    entries: int
    signed: int
    root: str
    origin: str
    waiting: int
    follower_lag: int
    sinks: tuple[SinkFiguresAnswer, ...]
    blocked: bool
    read_only: bool
    at: datetime
    endpoints: tuple[EndpointFigure, ...] = ()
    safeguards: tuple[SafeguardFigure, ...] = ()
    verification_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingAnswer:
    """One setting in force. Secrets are references, so nothing here is one; passwords in addresses are masked."""

    name: str
    value: str
