"""A small scoring server, as a team would run it: it serves the very bytes that the warden says are live, or nothing.

    MODELWARDEN_TOKEN=… python -m modelwarden.tour.scoring http://127.0.0.1:8321 arrest-release

It asks what is live a few times a second, hashes the artifact itself and refuses other bytes. Around each answer stands
a guard: switches stop or divert it, good answers are remembered, and what the features look like is counted. The token
comes in the environment, where other users of the machine can't see it. While the warden can't be reached, what was
loaded stays, and so do the switches that were in force.

A teaching example: it checks no caller's identity, listens on loopback alone, and believes what region a case names.
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
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from modelwarden.client.remote import connect
from modelwarden.errors import ValueInvalid, WardenError
from modelwarden.guard.contract import probability
from modelwarden.guard.decision import Status
from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from modelwarden.tour.logistic import Logistic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelwarden.guard.decision import Decision
    from modelwarden.values.answers import LiveAnswer

EVERY_S: Final = 0.2
"""How long between two questions what is live."""
LARGEST: Final = {"/score": 64 * 1024, "/score/batch": 1024 * 1024}
"""What can be asked, and the largest body of each."""
DRIFT_S: Final = 2.0
"""How often the guard tells what it counted: oftener than it has to, since people watch."""
REFUSED: Final = {Status.LIMITED: HTTPStatus.TOO_MANY_REQUESTS}
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

    def case(self, given: Mapping[str, Any]) -> dict[str, float]:
        """Return the features of a case. Raises ValueInvalid, before the guard could take it for the model's fault."""
        wanted = f"numbers for {', '.join(self.model.features)}"
        try:
            found = {name: float(given[name]) for name in self.model.features}
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueInvalid("case", wanted) from error
        if not all(isfinite(value) for value in found.values()):
            raise ValueInvalid(
                "case", wanted
            )  # else anybody could open the model's breaker with NaN
        return found


class Scorer:
    """The version that is live, held in one reference that requests read once, and the guard around its answers."""

    def __init__(self, deployments: Deployments, model: str, guard: Guard) -> None:
        self._deployments, self._model, self._guard = deployments, model, guard
        self._held: Loaded | str = "nothing was loaded yet"
        self._guarded: dict[tuple[str, str], Callable[..., Decision]] = {}

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

    def score(self, given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer one case, and say which version answered and what the guard made of it."""
        held = self._held
        if isinstance(held, str):
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": held}
        try:
            case, key, region = held.case(given), _word(given, "key"), _word(given, "region")
        except ValueInvalid as error:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": str(error)}
        return _answer(held, self._around(held)(case, key=key, region=region))

    def score_batch(self, given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer many cases at once, each with a key and a region of its own."""
        held = self._held
        if isinstance(held, str):
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": held}
        try:
            rows = _rows(given)
            cases = [held.case(row) for row in rows]
            keys, regions = ([_word(row, name) for row in rows] for name in ("key", "region"))
        except ValueInvalid as error:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": str(error)}
        judged = self._guard.batch(
            [held.model.probability(case) for case in cases],
            key=keys,
            context={"region": regions},
            version=held.version,
            features={name: [case[name] for case in cases] for name in held.model.features},
        )
        statuses = [Status(number) for number in judged.status.tolist()]
        answers = [
            float(value) if status <= Status.DEFAULT else None
            for value, status in zip(judged.values, statuses, strict=True)
        ]
        words = [status.name.lower() for status in statuses]
        return HTTPStatus.OK, {
            "version": held.version, "sha256": held.sha256, "probability": answers, "status": words,
        }  # fmt: skip

    def _around(self, held: Loaded) -> Callable[..., Decision]:
        """Return the guard around a version: made once, so that its counts and its breaker go on."""
        name = held.version, held.sha256
        if name not in self._guarded:
            self._guarded[name] = _guarded(self._guard, held)
        return self._guarded[name]


def _guarded(guard: Guard, held: Loaded) -> Callable[..., Decision]:
    model = held.model

    def answer(case: Mapping[str, float], *, key: str | None, region: str | None) -> float:  # noqa: ARG001 - the guard's
        return model.probability(case)

    around: Callable[..., Decision] = guard.protect(
        answer, outputs=probability(), key="key", version=held.version
    )
    return around


def _answer(held: Loaded, decision: Decision) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return what a caller is told. An answer that is remembered names the version that gave it then."""
    version = decision.version or held.version
    told = {
        "version": version,
        "sha256": held.sha256 if version == held.version else None,
        "status": decision.status.name.lower(),
        "step": decision.step,
        "age_s": None if decision.age is None else round(decision.age, 3),
        "switches": list(decision.switches),
    }
    if not decision.is_answered:
        status = REFUSED.get(decision.status, HTTPStatus.SERVICE_UNAVAILABLE)
        return status, {"error": ", ".join(decision.reasons), **told}
    value = float(str(decision.value))
    return HTTPStatus.OK, {
        **told, "probability": round(value, 4), "release": value >= held.model.threshold,
    }  # fmt: skip


def _word(given: Mapping[str, Any], name: str) -> str | None:
    found = given.get(name)
    if found is None or isinstance(found, str):
        return found
    raise ValueInvalid(name, "text")


def _rows(given: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rows = given.get("rows")
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        return rows
    raise ValueInvalid("rows", "a list of cases")


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
    """POST /score with one case as JSON, /score/batch with `rows` of them; `key` and `region` stand beside features."""

    protocol_version = "HTTP/1.1"
    scorer: Scorer

    def do_POST(self) -> None:
        """Answer."""
        size, most = self.headers.get("Content-Length", ""), LARGEST.get(self.path, -1)
        if not size.isdigit() or int(size) > most:
            self.close_connection = True
            words = "POST a small JSON object to /score or /score/batch"
            self._answer(HTTPStatus.BAD_REQUEST, {"error": words})
            return
        try:
            given = json.loads(self.rfile.read(int(size)))
        except ValueError:
            given = None
        if not isinstance(given, dict):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": "the body is a JSON object"})
            return
        one = self.path == "/score"
        self._answer(*(self.scorer.score(given) if one else self.scorer.score_batch(given)))

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
    reader.add_argument("--state-dir", help="where the guard keeps the newest rules that it knows")
    given = reader.parse_args(arguments)
    token = os.environ[TOKEN]
    guard = Guard(
        given.url, given.model, token=token, state_dir=given.state_dir, outputs=probability(),
        endpoint="score", pace=Pace(drift_s=DRIFT_S),
    )  # fmt: skip
    with connect(given.url, token=token) as remote:
        scorer = Scorer(remote.deployments, given.model, guard)
        server = serving(scorer, given.port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        while not ended.wait(EVERY_S):
            scorer.refresh()
    guard.close()


if __name__ == "__main__":
    main()
