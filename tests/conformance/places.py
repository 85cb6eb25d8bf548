"""One company, reached in three ways: in process, over HTTP, and through a Flask app. The surface is the same."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import uvicorn
from flask import Flask
from werkzeug.serving import make_server

from modelwarden.api.app import create_app
from modelwarden.client.remote import connect
from modelwarden.integrations.flask import register_governance_api
from modelwarden.ledger.keys import SigningKey
from modelwarden.warden.warden import Warden, open_warden
from tests import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fastapi import FastAPI

    from modelwarden.client.remote import Remote
    from modelwarden.config import Settings
    from modelwarden.warden.rooms import Rooms

    AnyRooms: TypeAlias = Rooms | Remote

PEOPLE: Final[Mapping[str, tuple[str, ...]]] = {
    "root": ("admin",),
    "alice": ("developer",),
    "dave": ("operator",),
    "frank": ("auditor",),
    "bob": ("approver",),
    "carol": ("developer", "approver"),
}
KEY_HOLDERS: Final = ("alice", "bob", "carol")


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """alice builds, bob and carol approve, carol builds too, dave operates, frank audits, root administers."""

    folder: Path
    rooms: Mapping[str, AnyRooms]
    keys: Mapping[str, SigningKey]

    def as_user(self, name: str) -> AnyRooms:
        return self.rooms[name]

    def artifact(self, words: str) -> Path:
        path = self.folder / f"{words}.joblib"
        path.write_text(words)
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """A company that was set up and closed: how to open it again, and its people's credentials."""

    settings: Settings
    tokens: Mapping[str, str]
    keys: Mapping[str, SigningKey]


@contextmanager
def reached(way: str, folder: Path) -> Iterator[Company]:
    """Set up a company and reach it in one way."""
    founded = _founded(folder)
    with ExitStack() as stack:
        rooms = {"embedded": _embedded, "http": _over_http, "flask": _through_flask}[way](
            founded, stack
        )
        yield Company(folder=folder, rooms=rooms, keys=founded.keys)


def _founded(folder: Path) -> Founded:
    keys = {name: SigningKey.generate() for name in KEY_HOLDERS}
    with open_warden(tables.fresh(folder), read_rate=0, write_rate=0) as warden:
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
        for name, key in keys.items():
            enrolled = warden.acting_as(name).keys.enrol(key)
            warden.acting_as("root").keys.confirm(enrolled.id)
        tokens = {name: warden.acting_as(name).tokens.create().secret or "" for name in PEOPLE}
        return Founded(settings=warden.settings, tokens=tokens, keys=keys)


def _embedded(founded: Founded, stack: ExitStack) -> dict[str, AnyRooms]:
    warden = stack.enter_context(Warden(founded.settings))
    return {name: warden.acting_as(name) for name in PEOPLE}


def _over_http(founded: Founded, stack: ExitStack) -> dict[str, AnyRooms]:
    warden = stack.enter_context(Warden(replace(founded.settings, embedded=False)))
    return _connected(founded, stack, stack.enter_context(served(create_app(warden))))


def _through_flask(founded: Founded, stack: ExitStack) -> dict[str, AnyRooms]:
    warden = stack.enter_context(Warden(replace(founded.settings, embedded=False)))
    app = Flask("somebody-elses-app")
    register_governance_api(app, warden=warden)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    stack.callback(thread.join)
    stack.callback(server.shutdown)
    return _connected(founded, stack, f"http://127.0.0.1:{server.server_port}")


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an ASGI app on loopback, in a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            thread.join(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _connected(founded: Founded, stack: ExitStack, url: str) -> dict[str, AnyRooms]:
    return {
        name: stack.enter_context(connect(url, token=token))
        for name, token in founded.tokens.items()
    }
