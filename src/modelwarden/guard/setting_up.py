"""Puts the parts of a guard together, and holds them while the process lives, forks and ends (SG-21, SG-22).

Nothing here waits for a server: whoever constructs a guard waits for at most `init_wait`, on `Feed.settled`.
"""

from __future__ import annotations

import os
import random
import weakref
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import NoPinnedKey, ValueInvalid
from modelwarden.guard.decision import Status
from modelwarden.guard.feed import Feed, FileSource, Pace
from modelwarden.guard.held import Clocks, Fail, Holder
from modelwarden.guard.intake import Intake
from modelwarden.guard.link import server_at
from modelwarden.guard.local_stop import LocalStop
from modelwarden.guard.picking import Around, Parameters
from modelwarden.guard.pins import Pins, given_keys
from modelwarden.guard.place import Counts, OfAll, Options, Place
from modelwarden.guard.protect import Last
from modelwarden.guard.reports import Reports
from modelwarden.guard.site import Site
from modelwarden.guard.state import StateFolder
from modelwarden.guard.stops import Stops
from modelwarden.guard.stream import ServerSource
from modelwarden.guard.traffic import Traffic
from modelwarden.guard.versions import Versions
from modelwarden.values.ids import MODEL_NAME, NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.guard.fallback import Chain
    from modelwarden.guard.held import Held
    from modelwarden.guard.link import Server

LOADING_S: Final = 5.0
"""How long a first call waits for what is kept on disk; a disk that hangs must not hang a host."""

NO_CONTEXT: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a guard was constructed; `Guard` says what each means."""

    source: str
    model: str
    environment: str
    token: str | None
    keys: str | Sequence[str] | None
    fail: Fail
    max_stale_s: float | None
    state_dir: str | Path | None
    bootstrap: str | Path | None
    stop_file: str | Path | None
    pace: Pace
    clocks: Clocks


class Parts:
    """The parts of one guard, shared by all that are bound from it."""

    def __init__(self, settings: Settings, chain: Chain) -> None:
        """Build all, start nothing. Raises ValueInvalid, KeyInvalid, NoPinnedKey."""
        _check_names(settings)
        self.settings: Final = settings
        self.chain: Final = chain
        self.clocks: Final = settings.clocks
        self.counts: Final = Counts()
        self.versions: Final = Versions()
        self.context: Final = ContextVar("modelwarden.context", default=NO_CONTEXT)
        self.last: Final = Last()
        self.holder: Final = Holder(
            model=settings.model,
            fail=settings.fail,
            max_stale_s=settings.max_stale_s,
            clocks=settings.clocks,
        )
        self.stops: Final = Stops(
            model=settings.model, holder=self.holder, wall=settings.clocks.wall
        )
        server = _server(settings)
        pins = Pins(given_keys(settings.keys))
        if not pins.first and (server is None or not server.keeps_secrets):
            raise NoPinnedKey("a file, or a server without https, needs keys that are known before")
        self.intake: Final = Intake(
            model=settings.model,
            environment=settings.environment,
            holder=self.holder,
            pins=pins,
            folder=_folder(settings, server),
            clocks=settings.clocks,
            stops=self.stops,
        )
        self.feed: Final = self._feed(server)
        self.reports: Final = Reports(
            server,
            intake=self.intake,
            holder=self.holder,
            feed=self.feed,
            pace=settings.pace,
            told=self._told,
        )
        self.local_stop: Final = self._local_stop()
        self.shared: Final = OfAll(
            settings.model, self.holder, self.versions, self.counts, self.clocks, settings.fail, self.judged,
            lambda: self.reports.instance,
        )  # fmt: skip
        self.traffic: Final = Traffic(clock=settings.clocks.monotonic)
        self.sites: Final[weakref.WeakSet[Site]] = weakref.WeakSet()

    def _feed(self, server: Server | None) -> Feed:
        settings = self.settings
        pace = settings.pace
        source = (
            FileSource(_path(settings.source), pace)
            if server is None
            else ServerSource(server, self.intake, pace=pace, chance=random.random)
        )
        bootstrap = None if settings.bootstrap is None else Path(settings.bootstrap)
        return Feed(self.intake, source, pace=pace, bootstrap=bootstrap)

    def _local_stop(self) -> LocalStop | None:
        settings = self.settings
        if settings.stop_file is None:
            return None
        return LocalStop(
            Path(settings.stop_file),
            model=settings.model,
            stops=self.stops,
            every_s=settings.pace.file_s,
        )

    def start(self) -> None:
        """Start the threads, and see to it that a forked child has its own."""
        if self.local_stop is not None:
            self.local_stop.start()
        self.feed.start()
        self.reports.start()
        if hasattr(os, "register_at_fork"):
            mine = weakref.ref(self)  # the hook can't be taken back, and must keep nothing alive

            def in_child() -> None:
                parts = mine()
                if parts is not None:
                    parts.after_fork()

            os.register_at_fork(after_in_child=in_child)

    def close(self) -> None:
        """Stop the threads; what is held goes on counting."""
        self.feed.close()
        self.reports.close()
        if self.local_stop is not None:
            self.local_stop.close()
        self.chain.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child: own locks, threads, sockets and instance (SG-22)."""
        self.holder.after_fork()
        self.stops.after_fork()
        self.chain.after_fork()
        for site in list(self.sites):
            site.place.after_fork()
        self.feed.after_fork()
        self.reports.after_fork()
        if self.local_stop is not None:
            self.local_stop.after_fork()

    def judged(self) -> Held:
        """Return what is held, judged anew; the first time once what is kept on disk has been loaded."""
        if not self.feed.loaded.is_set():
            self.feed.loaded.wait(LOADING_S)
        return self.holder.judge()

    def site(
        self, options: Options, parameters: Parameters, bound: Mapping[str, object], chain: Chain
    ) -> Site:
        """Return a guarded place."""
        around = Around(self.context, bound)
        place = Place(
            options, shared=self.shared, chain=chain, around=around, parameters=parameters
        )
        site = Site(place)
        self.sites.add(site)
        return site

    def _told(self) -> dict[str, object]:
        """Return what is told of this guard beside what it holds: what it decided, and what it blocks by itself."""
        self.traffic.note(self.sites, decided=self.counts.decided())
        return {
            "versions": self.versions.reported(),
            "counts": self.counted(),
            "traffic": self.traffic.told(),
            "local_stops": self.stops.told(),
        }

    def counted(self) -> dict[str, int]:
        """Return what was counted so far, by name."""
        counts = self.counts
        return {
            **{status.name.lower(): counts.of(status) for status in Status},
            "unknown_context": counts.unknown_context,
            "stale_inputs": counts.stale_inputs,
            "faults": counts.faults,
            "clock_behind": self.holder.behind,
            "rejected": self.intake.rejections,
            "local_stop": int(self.stops.is_active),
            "reports_failed": self.reports.failed,
        }


def _server(settings: Settings) -> Server | None:
    if "://" not in settings.source or settings.source.startswith("file://"):
        return None
    return server_at(settings.source, settings.token)


def _path(source: str) -> Path:
    return Path(source.removeprefix("file://"))


def _folder(settings: Settings, server: Server | None) -> StateFolder | None:
    """Return where state is kept: named, else where the system keeps a user's state; nowhere without a home."""
    named = settings.state_dir or os.environ.get("MODELWARDEN_STATE_DIR")
    if named is None:
        home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
        if home.startswith("~"):
            return None
        named = Path(home) / "modelwarden"
    source = str(_path(settings.source).absolute()) if server is None else server.url
    return StateFolder(
        Path(named), source=source, environment=settings.environment, model=settings.model
    )


def _check_names(settings: Settings) -> None:
    for field, name, form in (
        ("model", settings.model, MODEL_NAME),
        ("environment", settings.environment, NAME),
    ):
        if form.fullmatch(str(name)) is None:
            raise ValueInvalid(field, "a lowercase name, as it is registered")
