"""The two questions that MLflow's server asks the control plane, each in one round trip over a connection kept open.

They stand in the way of every protected alias that is set, so they go without the remote SDK's client, which costs
three times the processor time. Nothing is repeated except on a connection that had gone stale.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

from modelwarden.client.decode import decode
from modelwarden.client.problems import error_of
from modelwarden.client.transport import FIRST_ERROR, ROOT, path
from modelwarden.errors import AnswerMalformed, SettingInvalid, Unreachable
from modelwarden.values.answers import LiveAnswer, VersionAnswer

A = TypeVar("A")
MOST_IDLE: Final = 16


class Asking:
    """The way to one control plane; threads may share it. Raises SettingInvalid for an address of another form."""

    def __init__(self, url: str, token: str, *, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not token.isascii():
            raise SettingInvalid("MODELWARDEN_URL is http://… or https://…, its token plain text")
        self._connection = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._host, self._port, self._timeout_s = parts.hostname, parts.port, timeout_s
        self._root = parts.path.rstrip("/").removesuffix(ROOT) + ROOT
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._idle: list[http.client.HTTPConnection] = []

    def live(self, model: str, environment: str) -> str | None:
        """Return the version that is live, or None. Raises ModelNotFound, NotPermitted, Unreachable."""
        where = f"{path('models', model, 'live')}?{urlencode({'environment': environment})}"
        return self._read(LiveAnswer, where).version

    def version(self, model: str, label: str) -> VersionAnswer:
        """Return a version. Raises VersionNotFound, NotPermitted, Unreachable."""
        return self._read(VersionAnswer, path("models", model, "versions", label))

    def _read(self, shape: type[A], where: str) -> A:
        status, content = self._asked(where)
        try:
            found = json.loads(content)
        except ValueError as error:
            raise AnswerMalformed(
                f"what answers at {self._host} is no Modelwarden server"
            ) from error
        if status >= FIRST_ERROR:
            raise error_of(found if isinstance(found, Mapping) else {}, status=status)
        return decode(shape, found)

    def _asked(self, where: str) -> tuple[int, bytes]:
        """Return the answer. A connection that the other side closed while it rested is no failure."""
        while True:
            try:
                connection, is_new = self._idle.pop(), False
            except IndexError:
                connection, is_new = self._opened(), True
            try:
                connection.request("GET", f"{self._root}{where}", headers=self._headers)
                answer = connection.getresponse()
                found = answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if is_new or isinstance(error, TimeoutError):
                    raise Unreachable(
                        f"{self._host} did not answer ({type(error).__name__}); is the server running there?"
                    ) from error
                continue
            if len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
            else:
                connection.close()
            return found

    def _opened(self) -> Any:  # noqa: ANN401  # either kind of connection
        return self._connection(self._host, self._port, timeout=self._timeout_s)
