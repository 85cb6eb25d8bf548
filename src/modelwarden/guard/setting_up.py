"""Puts the parts of a guard together, and holds them while the process lives, forks and ends (SG-21, SG-22).

Nothing here waits for a server: whoever constructs a guard waits for at most `init_wait`, on `Feed.settled`.
"""

from __future__ import annotations

import os
import random
import weakref
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import NoPinnedKey, ValueInvalid
from modelwarden.guard.counts import Counts
from modelwarden.guard.drift_meter import DriftMeter
from modelwarden.guard.drift_sender import DriftSender
from modelwarden.guard.drilling import Drills
from modelwarden.guard.fallback import Chain
from modelwarden.guard.feed import Feed, FileSource, Pace
from modelwarden.guard.held import Clocks, Fail, Holder
from modelwarden.guard.intake import Intake
from modelwarden.guard.link import server_at
from modelwarden.guard.local_stop import LocalStop
from modelwarden.guard.measured import Measured
from modelwarden.guard.metrics import figures_of
from modelwarden.guard.picking import Around, Parameter, Parameters
from modelwarden.guard.pins import Pins, given_keys
from modelwarden.guard.place import OfAll, Options, Place
from modelwarden.guard.protect import Last
from modelwarden.guard.recorder import Recorder
from modelwarden.guard.reports import Reports
from modelwarden.guard.shadow import Shadow
from modelwarden.guard.signals import Signals
from modelwarden.guard.site import Site
from modelwarden.guard.state import StateFolder
from modelwarden.guard.stops import Stops
from modelwarden.guard.stream import ServerSource
from modelwarden.guard.told import told
from modelwarden.guard.traffic import Traffic
from modelwarden.guard.versions import Versions
from modelwarden.values.ids import MODEL_NAME, NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.guard.fallback import Step
    from modelwarden.guard.held import Held
    from modelwarden.guard.link import Server
    from modelwarden.guard.metrics import Figure

LOADING_S: Final = 5.0
"""How long a first call waits for what is kept on disk; a disk that hangs must not hang a host."""

NO_CONTEXT: Final[Mapping[str, object]] = MappingProxyType({})


class Settings(NamedTuple):
    """How a guard was constructed; `Guard` says what each means."""

    source: str
    model: str
    environment: str
    use_case: str | None
    token: str | None
    keys: str | Sequence[str] | None
    fail: Fail
    max_stale_s: float | None
    state_dir: str | Path | None
    bootstrap: str | Path | None
    stop_file: str | Path | None
    drills: bool
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
        server = _server(settings)
        self.counts: Final = Counts(timed=server is not None)  # a file has nobody who asks how long
        self.versions: Final = Versions()
        self.shadow: Final = Shadow(self.counts.by_version, clock=settings.clocks.monotonic)
        self.context: Final = ContextVar("modelwarden.context", default=NO_CONTEXT)
        self.last: Final = Last()
        self.drills: Final = Drills(
            honours=settings.drills, clocks=settings.clocks, instance=lambda: self.reports.instance
        )  # fmt: skip
        self.signals: Final = Signals(wall=settings.clocks.wall)
        self.holder: Final = Holder(
            model=settings.model, fail=settings.fail, max_stale_s=settings.max_stale_s, clocks=settings.clocks,
            drills=self.drills,
        )  # fmt: skip
        self.stops: Final = Stops(model=settings.model, holder=self.holder, wall=settings.clocks.wall)  # fmt: skip
        self.intake: Final = Intake(
            model=settings.model,
            environment=settings.environment,
            holder=self.holder,
            pins=_pins(settings, server),
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
            told=lambda: told(self),
        )
        self.drift: Final = DriftMeter(is_on=server is not None, begin=self._begin_sending)
        self.sender: Final = self._sender(server)
        self.local_stop: Final = self._local_stop()
        self.shared: Final = OfAll(
            settings.model, self.holder, self.versions, self.counts, self.clocks, settings.fail, self.judged,
            lambda: self.reports.instance, self.drills, self.drift, self.shadow,
        )  # fmt: skip
        self.traffic: Final = Traffic(clock=settings.clocks.monotonic)
        self.sites: Final[weakref.WeakSet[Site]] = weakref.WeakSet()
        self.measured: Final = Measured(self.counts)
        self.recorder: Recorder | None = None

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

    def _sender(self, server: Server | None) -> DriftSender | None:
        if server is None:
            return None
        return DriftSender(
            server,
            model=self.settings.model,
            environment=self.settings.environment,
            meters=self.drift.all,
            pace=self.settings.pace,
            wall=self.clocks.wall,
        )

    def _begin_sending(self) -> None:
        if self.sender is not None:
            self.sender.begin()

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

    def _recorder(self) -> Recorder | None:
        """Tell a server how calls end, by the minute; a guard that reads a file has nobody to tell (SL-9)."""
        settings = self.settings
        server = _server(settings)
        if server is None:
            return None
        behind = "" if settings.environment == "production" else f"@{settings.environment}"
        model = f"guard:{settings.model}{behind}"
        case = settings.use_case
        folder = _state_dir(settings)
        return Recorder(
            server.url,
            token=settings.token,
            sli=model if case is None else (model, f"{model}:{case}"),
            spool=None if folder is None else folder / "slots",
            source=self.measured,
            flush_s=settings.pace.slots_s,
        )

    def start(self) -> None:
        """Start the threads, and see to it that a forked child has its own."""
        if self.local_stop is not None:
            self.local_stop.start()
        self.feed.start()
        self.reports.start()
        self.recorder = self._recorder()
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
        if self.sender is not None:
            self.sender.close()
        self.reports.close()
        if self.recorder is not None:
            self.recorder.close()
        if self.local_stop is not None:
            self.local_stop.close()
        self.chain.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child: own locks, threads, sockets and instance (SG-22)."""
        self.holder.after_fork()
        self.stops.after_fork()
        self.chain.after_fork()
        self.drift.after_fork()
        self.shadow.after_fork()
        if self.sender is not None:
            self.sender.after_fork()
        for site in list(self.sites):
            site.place.after_fork()
            site.replan()
        self.intake.after_fork()
        self.feed.after_fork()
        self.reports.after_fork()
        self.measured.rebase()
        if self.recorder is not None:
            self.recorder.start()
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

    def open_site(
        self, options: Options, bound: Mapping[str, object], *, version: object = None
    ) -> Site:
        """Return a guarded place whose callers name all by keyword, whatever they have."""
        parameters = Parameters(key=Parameter(None, None), version=Parameter(None, version))
        parameters.takes_any = True
        return self.site(options, parameters, bound, self.chain)

    def chain_of(self, steps: Sequence[Step] | None) -> Chain:
        """Return the guard's chain, or one of other steps over the same store."""
        if steps is None:
            return self.chain
        model, store = self.settings.model, self.chain.store
        return Chain(steps, model=model, store=store, now=self.clocks.wall)

    def figures(self) -> tuple[Figure, ...]:
        """Return what was counted, and how the guard stands, to be shown (SG-57)."""
        return figures_of(self)


def _server(settings: Settings) -> Server | None:
    if "://" not in settings.source or settings.source.startswith("file://"):
        return None
    return server_at(settings.source, settings.token)


def _pins(settings: Settings, server: Server | None) -> Pins:
    pins = Pins(given_keys(settings.keys))
    if not pins.first and (server is None or not server.keeps_secrets):
        raise NoPinnedKey("a file, or a server without https, needs keys that are known before")
    return pins


def _path(source: str) -> Path:
    return Path(source.removeprefix("file://"))


def _folder(settings: Settings, server: Server | None) -> StateFolder | None:
    """Return the files of this guard; none without a place for them."""
    named = _state_dir(settings)
    if named is None:
        return None
    source = str(_path(settings.source).absolute()) if server is None else server.url
    return StateFolder(named, source=source, environment=settings.environment, model=settings.model)


def _state_dir(settings: Settings) -> Path | None:
    """Return where state is kept: named, else where the system keeps a user's state; nowhere without a home."""
    named = settings.state_dir or os.environ.get("MODELWARDEN_STATE_DIR")
    if named is None:
        home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
        if home.startswith("~"):
            return None
        named = Path(home) / "modelwarden"
    return Path(named)


def _check_names(settings: Settings) -> None:
    for field, name, form in (
        ("model", settings.model, MODEL_NAME),
        ("environment", settings.environment, NAME),
        ("use_case", settings.use_case, MODEL_NAME),
    ):
        if not (name is None and field == "use_case") and form.fullmatch(str(name)) is None:
            raise ValueInvalid(field, "a lowercase name, as it is registered")
