"""The server: API and console over one warden, in one process; on this machine alone unless told how to be safe.

Start, in order: check where to listen (AC-74), open the warden, print the one-time set-up link where nobody exists yet
(AC-53), serve. Stop: finish what is under way, drain the writer, sign a last checkpoint.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import signal
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from modelwarden import config
from modelwarden.access import actions
from modelwarden.access.credentials import PATTERN
from modelwarden.api.app import create_app
from modelwarden.console.pages import add_console
from modelwarden.errors import SettingInvalid
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from types import FrameType

    from fastapi import FastAPI

    from modelwarden.config import Settings

GRACE_S: Final = 30
REDACTED: Final = "[redacted]"
PREFIX: Final = "MODELWARDEN_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """How to listen, beside the host and port of the settings."""

    tls_cert: Path | None = None
    tls_key: Path | None = None
    workers: int = 1

    @property
    def is_encrypted(self) -> bool:
        """Tell whether we speak TLS ourselves."""
        return self.tls_cert is not None


def create_server_app(settings: Settings, *, warden: Warden | None = None) -> FastAPI:
    """Return API and console as one ASGI app. It opens a warden and closes it at shutdown, unless one is given.

    A warden that is opened here takes actors from credentials alone (AC-5).
    """
    found = warden or Warden(replace(settings, embedded=False))
    app = create_app(found)
    add_console(app, app.state.host)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(outer: FastAPI) -> AsyncIterator[None]:
        _end_streams_first(outer)
        async with inner(outer):
            yield
        if warden is None:
            await asyncio.to_thread(found.close)

    app.router.lifespan_context = lifespan
    return app


def serve(
    settings: Settings, *, listening: Listening | None = None, tell: Callable[[str], None]
) -> None:
    """Serve until stopped. `tell` is given the lines for whoever starts it: the address, and the set-up link.

    Raises SettingInvalid where listening like this would be unsafe or can't work.
    """
    listening = listening or Listening()
    check(settings, listening)
    redact_logs()
    settings = replace(settings, embedded=False)
    scheme = "https" if listening.is_encrypted else "http"
    address = f"{scheme}://{_shown(settings.host)}:{settings.port}"
    if listening.workers > 1:
        with Warden(settings) as warden:
            _welcome(warden, address, tell)
        _serve_many(settings, listening)
        return
    with Warden(settings) as warden:
        _welcome(warden, address, tell)
        app = create_server_app(settings, warden=warden)
        uvicorn.Server(uvicorn.Config(app, **_options(settings, listening))).run()


def check(settings: Settings, listening: Listening) -> None:
    """Refuse to listen where it would be unsafe (AC-74), or where workers could not share. Raises SettingInvalid."""
    if (listening.tls_cert is None) != (listening.tls_key is None):
        raise SettingInvalid("TLS needs both: --tls-cert and --tls-key")
    for network in settings.behind_proxy:
        _network(network)
    if not (_is_loopback(settings.host) or listening.is_encrypted or settings.behind_proxy):
        raise SettingInvalid(
            f"{settings.host} is reachable from outside, so tokens would travel in clear: give --tls-cert and"
            " --tls-key, or name the proxy that speaks TLS with --behind-proxy CIDR"
        )
    if listening.workers < 1:
        raise SettingInvalid("at least one worker")
    if listening.workers > 1 and settings.url.startswith("sqlite"):
        raise SettingInvalid(
            "several workers need PostgreSQL: a SQLite file has one writer, and two processes would wait for each other"
        )


def app_of_worker() -> FastAPI:
    """Return the app of one of several workers, from the settings that `serve` left in the environment."""
    redact_logs()
    return create_server_app(config.load())


def redact_logs() -> None:
    """Keep tokens out of every log of this process, whoever writes it (AC-62)."""
    before = logging.getLogRecordFactory()
    if getattr(before, "redacts", False):
        return

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401  # as logging passes them
        made = before(*args, **kwargs)
        message = made.getMessage()
        if PATTERN.search(message):
            made.msg, made.args = redacted(message), ()
        if made.exc_info:
            made.exc_text = redacted(logging.Formatter().formatException(made.exc_info))
        return made

    record.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record)


def redacted(text: str) -> str:
    """Return the text without tokens."""
    return PATTERN.sub(REDACTED, text)


def _end_streams_first(app: FastAPI) -> None:
    """Let the signal that stops the server end its streams, too: it would wait for them, and they never end."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop, streams = asyncio.get_running_loop(), app.state.host.streams
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def stop(received: int, frame: FrameType | None, before: Any = before) -> None:  # noqa: ANN401
            loop.call_soon_threadsafe(streams.close)
            if callable(before):
                before(received, frame)

        signal.signal(number, stop)


def _welcome(warden: Warden, address: str, tell: Callable[[str], None]) -> None:
    tell(f"Modelwarden serves {address}")
    if warden.view(system("set_up"), actions.needs_set_up):
        secret = warden.telemetry(system("set_up"), actions.new_link)
        tell(f"Set it up within 30 minutes: {address}/set-up?secret={secret}")


def _serve_many(settings: Settings, listening: Listening) -> None:
    share = replace(
        settings,
        read_rate=_share(settings.read_rate, listening.workers),
        write_rate=_share(settings.write_rate, listening.workers),
    )
    for field in fields(share):
        value = getattr(share, field.name)
        if value is not None:
            os.environ[f"{PREFIX}{field.name.upper()}"] = _as_text(field.name, value)
    uvicorn.run(
        "modelwarden.server:app_of_worker",
        factory=True,
        workers=listening.workers,
        **_options(settings, listening),
    )


def _options(settings: Settings, listening: Listening) -> dict[str, Any]:
    return {
        "host": settings.host,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,  # forwarded headers are read in api/origin.py
        "server_header": False,
        "timeout_graceful_shutdown": GRACE_S,
        "ssl_certfile": listening.tls_cert,
        "ssl_keyfile": listening.tls_key,
    }


def _share(rate: int, workers: int) -> int:
    return 0 if not rate else max(1, rate // workers)


def _as_text(name: str, value: object) -> str:
    if isinstance(value, tuple):
        return config.joined(name, value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingInvalid(
            f"behind_proxy: {text!r} is no network; write it as 10.0.0.0/8"
        ) from error
