"""What the steps of one tour share: the folder, the warden, people's keys, and what earlier steps made."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

from modelwarden.client.remote import Remote, connect
from modelwarden.config import Settings
from modelwarden.errors import TourFailed
from modelwarden.store.entries import read_head
from modelwarden.tour.processes import Scoring, Server
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from modelwarden.ledger.keys import SigningKey
    from modelwarden.tour.arrests import Arrests
    from modelwarden.tour.logistic import Logistic
    from modelwarden.values.answers import RequestAnswer
    from modelwarden.warden.rooms import Rooms

    AnyRooms: TypeAlias = Rooms | Remote

MODEL: Final = "arrest-release"
FIRST_VERSION: Final = "1.0.0"
SECOND_VERSION: Final = "2.0.0"
READER: Final = system("tour")


def opened(folder: Path) -> Warden:
    """Open the tour's warden, whatever this machine's own settings are."""
    return Warden(Settings(url=f"sqlite:///{folder / 'warden.db'}"))


class Remembered(NamedTuple):
    """Answers to traffic while all was well: by key, and until when they were given."""

    answers: Mapping[str, float]
    until: datetime


class Scene:
    """One tour under way. Leaving it closes everything that was opened."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder.absolute()
        self.arrests: Arrests | None = None
        self.models: Final[dict[str, Logistic]] = {}
        self.metrics: Final[dict[str, dict[str, str]]] = {}
        self.datasets: Final[list[dict[str, object]]] = []
        self.keys: Final[dict[str, SigningKey]] = {}
        self.requests: Final[dict[str, RequestAnswer]] = {}
        self.remembered: Remembered | None = None
        self.server: Server | None = None
        self.scoring: Scoring | None = None
        self._warden: Warden | None = None
        self._remotes: Final[dict[str, Remote]] = {}
        self._opened: Final = ExitStack()

    @property
    def warden(self) -> Warden:
        """Return the warden in this process, opened when first asked for."""
        if self._warden is None:
            self._warden = self._opened.enter_context(opened(self.folder))
        return self._warden

    def acting_as(self, name: str) -> Rooms:
        """Return what somebody can do here; this process vouches for them, and entries say so."""
        return self.warden.acting_as(name)

    def connected_as(self, name: str) -> Remote:
        """Return what somebody can do through the server, with a token of their own, good for a day."""
        server = self.require_server()
        if name not in self._remotes:
            secret = self.acting_as(name).tokens.create(days=1).secret or ""
            remote = self._opened.enter_context(
                connect(server.url, token=secret, memory=self.folder / "state")
            )
            self._remotes[name] = remote
        return self._remotes[name]

    def require_arrests(self) -> Arrests:
        """Return the data. Raises TourFailed when they were not read."""
        if self.arrests is None:
            raise TourFailed("the data were not read")
        return self.arrests

    def require_remembered(self) -> Remembered:
        """Return what was answered while all was well. Raises TourFailed when nothing was."""
        if self.remembered is None:
            raise TourFailed("nothing was answered yet")
        return self.remembered

    def artifact(self, version: str) -> Path:
        """Return where a version's artifact lies."""
        return self.folder / "models" / f"{MODEL}-{version}.json"

    def size(self) -> int:
        """Return how many entries the ledger has; none before there is one."""
        if not (self.folder / "warden.db").exists():
            return 0
        return self.warden.view(READER, lambda view: read_head(view.connection).size)

    def start_server(self) -> Server:
        """Start the warden's server on this folder; it ends with the scene."""
        self.server = Server(self.folder)
        self._opened.callback(self.server.stop)
        return self.server

    def require_server(self) -> Server:
        """Return the warden's server. Raises TourFailed when none runs."""
        if self.server is None:
            raise TourFailed("the server is not running")
        return self.server

    def start_scoring(self, token: str) -> Scoring:
        """Start the scoring server, which speaks to the warden's; it ends with the scene."""
        url = self.require_server().url
        self.scoring = Scoring(self.folder, url, model=MODEL, token=token)
        self._opened.callback(self.scoring.stop)
        return self.scoring

    def require_scoring(self) -> Scoring:
        """Return the scoring server. Raises TourFailed when none runs."""
        if self.scoring is None:
            raise TourFailed("the scoring server is not running")
        return self.scoring

    def rest(self) -> None:
        """Close database and processes; the database opens again when it is asked for."""
        self._opened.close()
        self._remotes.clear()
        self._warden = self.server = self.scoring = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()
