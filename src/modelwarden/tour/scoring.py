"""A small scoring server, as a team would run it: it serves the very bytes that the warden says are live, or nothing.

    MODELWARDEN_TOKEN=… python -m modelwarden.tour.scoring http://127.0.0.1:8321 arrest-release

It asks what is live a few times a second, hashes the artifact itself and refuses other bytes. The token comes in the
environment, where other users of the machine can't see it. While the warden can't be reached, what was loaded stays.
A teaching example: it checks no caller's identity, listens on loopback alone, and has no kill switch yet.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from modelwarden.client.remote import connect
from modelwarden.errors import ValueInvalid, WardenError
from modelwarden.tour.logistic import Logistic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.values.answers import LiveAnswer

EVERY_S: Final = 0.2
"""How long between two questions what is live."""
LARGEST_BODY: Final = 64 * 1024
TOKEN: Final = "MODELWARDEN_TOKEN"  # noqa: S105  # the name of a variable


class Deployments(Protocol):
    """What the scorer needs of the warden: the same in process and over HTTP."""

    def live(self, model: str) -> LiveAnswer:
        """Return what is live."""
        ...


class Loaded(NamedTuple):
    """A version in memory, and the digest of the bytes that it was read from."""

    version: str
    sha256: str
    model: Logistic


class Scorer:
    """The version that is live, held in one reference that requests read once."""

    def __init__(self, deployments: Deployments, model: str) -> None:
        self._deployments, self._model = deployments, model
        self._held: Loaded | str = "nothing was loaded yet"

    def refresh(self) -> None:
        """Ask what is live, and load it if it is another version; drop what is no longer live."""
        try:
            live = self._deployments.live(self._model)
        except WardenError as error:
            if isinstance(self._held, str):
                self._held = f"the warden does not say what is live: {error}"
            return
        held = self._held
        if isinstance(held, str) or (held.version, held.sha256) != (live.version, live.sha256):
            self._held = _load(live)

    def score(self, case: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer one case, and say which version answered."""
        held = self._held
        if isinstance(held, str):
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": held}
        try:
            probability = held.model.probability(
                {name: float(case[name]) for name in held.model.features}
            )
        except (KeyError, TypeError, ValueError):
            wanted = ", ".join(held.model.features)
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": f"give numbers for {wanted}"}
        return HTTPStatus.OK, {
            "version": held.version,
            "sha256": held.sha256,
            "probability": round(probability, 4),
            "release": probability >= held.model.threshold,
        }


def _load(live: LiveAnswer) -> Loaded | str:
    """Return what is live, or why it is not served. The bytes that are hashed are the bytes that are read."""
    if live.version is None or live.artifact is None or live.sha256 is None:
        return f"nothing of {live.model} is live in {live.environment}"
    try:
        data = Path(live.artifact).read_bytes()
    except OSError as error:
        return f"the artifact of {live.version} can't be read: {error.strerror}"
    found = sha256(data).hexdigest()
    if found != live.sha256:
        return f"artifact_mismatch: {live.version} has to be {live.sha256[:16]}…, the file is {found[:16]}…"
    try:
        return Loaded(live.version, found, Logistic.from_bytes(data))
    except ValueInvalid as error:
        return str(error)


class Answers(BaseHTTPRequestHandler):
    """POST /score with the features of one case as JSON."""

    protocol_version = "HTTP/1.1"
    scorer: Scorer

    def do_POST(self) -> None:
        """Answer a case."""
        size = self.headers.get("Content-Length", "")
        if self.path != "/score" or not size.isdigit() or int(size) > LARGEST_BODY:
            self.close_connection = True
            self._answer(HTTPStatus.BAD_REQUEST, {"error": "POST a small JSON object to /score"})
            return
        try:
            case = json.loads(self.rfile.read(int(size)))
        except ValueError:
            case = None
        if not isinstance(case, dict):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": "the body is a JSON object"})
            return
        self._answer(*self.scorer.score(case))

    def log_message(self, *_: object) -> None:
        """Log nothing: what people are scored on is not for a log."""

    def _answer(self, status: HTTPStatus, answer: Mapping[str, Any]) -> None:
        data = json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def serving(scorer: Scorer, port: int = 0) -> ThreadingHTTPServer:
    """Return a server on loopback that answers with this scorer; it runs when told to."""
    answers = type("ScorerAnswers", (Answers,), {"scorer": scorer})
    return ThreadingHTTPServer(("127.0.0.1", port), answers)


def main(arguments: list[str] | None = None) -> None:
    """Serve until the process is told to end; the first line of output says where."""
    reader = argparse.ArgumentParser(prog="python -m modelwarden.tour.scoring")
    reader.add_argument("url", help="the warden's address")
    reader.add_argument("model")
    reader.add_argument("--port", type=int, default=0)
    given = reader.parse_args(arguments)
    with connect(given.url, token=os.environ[TOKEN]) as remote:
        scorer = Scorer(remote.deployments, given.model)
        server = serving(scorer, given.port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        while not ended.wait(EVERY_S):
            scorer.refresh()


if __name__ == "__main__":
    main()
