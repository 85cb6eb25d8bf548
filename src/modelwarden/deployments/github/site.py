"""GitHub's REST API, as one installation of a GitHub App: whole answers, or an error that says why there is none.

The App's private key is read for each token, used and let go of; tokens live an hour at most, in memory alone. Neither
is ever in a message. What did not change since it was read last costs GitHub nothing (ETag).
"""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from modelwarden.errors import ExternalUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_BYTES: Final = 8 * 1024**2
MOST_PAGES: Final = 50
MOST_KEPT: Final = 4_000
MOST_KEPT_BYTES: Final = 64 * 1024**2
"""Answers that are kept to be asked for again by their ETag; the oldest goes first."""
NOT_MODIFIED: Final = 304
UNAUTHORIZED: Final = 401
SERVER_FAULT: Final = 500
LIMITED: Final = frozenset({403, 429})
OK: Final = frozenset({200, 201, 204})
NOT_FOUND: Final = 404
REFUSED: Final = frozenset({404, 409, 422})
"""What a write is answered with that GitHub understood and did not do."""
EARLY: Final = timedelta(minutes=5)
"""How long before its end a token is replaced."""
SKEW: Final = timedelta(seconds=60)
LIFE: Final = timedelta(minutes=9)
"""A JWT lives for at most 10 minutes, its beginning a minute back, as GitHub advises."""
WAIT_S: Final = 60
"""After a refusal for too many calls that does not say how long; twice as long each time that it comes again."""
LONGEST_WAIT_S: Final = 3_600
WRITING: Final = frozenset({"write", "admin"})
SECONDARY: Final = b"secondary rate limit"
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_NEXT: Final = re.compile(r'<([^<>]+)>;\s*rel="next"')


class Silent(ExternalUnreadable):
    """GitHub asks to be left alone, or is not well."""


class Replied(Protocol):
    """One answer over HTTP."""

    @property
    def status(self) -> int:
        """Return its status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Return its headers, found in any case."""
        ...

    @property
    def body(self) -> bytes:
        """Return all of it."""
        ...


class Fetches(Protocol):
    """Bounded calls over HTTP that follow nowhere."""

    def fetch(
        self,
        method: str,
        url: str,
        *,
        most: int,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Replied:
        """Send one call. Raises Unreachable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A GitHub App where it is installed; `key` reads its private key, PEM."""

    base: str
    app: str
    number: str
    key: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An answer as it came, and where it goes on."""

    raw: bytes
    following: str | None = None

    @property
    def value(self) -> Any:  # noqa: ANN401  # JSON
        """Return what it holds. Raises ExternalUnreadable."""
        try:
            return json.loads(self.raw)
        except (ValueError, RecursionError) as error:
            raise ExternalUnreadable("github answers what is no JSON") from error


class Sent(NamedTuple):
    """What a write was answered: its status, and the answer."""

    status: int
    page: Page

    @property
    def is_done(self) -> bool:
        """Tell whether it was done."""
        return self.status in OK


class Site:
    """What an installation may read and write, one call after the other."""

    def __init__(
        self, installation: Installation, calls: Fetches, *, now: Callable[[], datetime]
    ) -> None:
        self._installation, self._calls, self._now = installation, calls, now
        self._lock = threading.Lock()
        self._token = ""
        self._token_until = self._closed_until = datetime.min.replace(tzinfo=UTC)
        self._kept: dict[str, tuple[str, Page]] = {}
        self._kept_bytes = self._refusals = 0
        self._writes: frozenset[str] = frozenset()

    @property
    def app(self) -> str:
        """Return the number of the App."""
        return self._installation.app

    def may_write(self, what: str) -> bool:
        """Tell whether the installation may write `contents`, `pull_requests`, `checks` or `deployments`.

        Raises ExternalUnreadable, Unreachable.
        """
        with self._lock:
            self._bearer()
            return what in self._writes

    def send(self, method: str, path: str, value: Mapping[str, object]) -> Sent:
        """Write one thing. Raises ExternalUnreadable, Unreachable: then it may have been done or not."""
        content = json.dumps(value).encode()
        with self._lock:
            reply = self._send(method, f"{self._installation.base}{path}", content=content)
        if reply.status not in OK | REFUSED:
            raise _unread(reply.status)
        return Sent(reply.status, Page(raw=reply.body))

    def get(self, path: str) -> Page:
        """Read one thing. Raises ExternalUnreadable, Unreachable."""
        found = self.find(path)
        if found is None:
            raise ExternalUnreadable(f"github has no {_shown(path)}, or the App may not see it")
        return found

    def find(self, path: str) -> Page | None:
        """Read one thing; None where there is none. Raises ExternalUnreadable, Unreachable."""
        with self._lock:
            return self._read(f"{self._installation.base}{path}")

    def pages(self, path: str) -> list[Page]:
        """Read a list to its end. Raises ExternalUnreadable, Unreachable."""
        found: list[Page] = []
        url = f"{self._installation.base}{path}"
        with self._lock:
            while url:
                page = self._read(url)
                if page is None or len(found) >= MOST_PAGES:
                    raise ExternalUnreadable(f"github's list {_shown(path)} has no end")
                found.append(page)
                url = page.following or ""
        return found

    def _read(self, url: str) -> Page | None:
        kept = self._kept.get(url)
        reply = self._send("GET", url, {} if kept is None else {"if-none-match": kept[0]})
        if reply.status == NOT_MODIFIED and kept is not None:
            return kept[1]
        if reply.status == NOT_FOUND:
            return None
        if reply.status not in OK:
            raise _unread(reply.status)
        page = Page(raw=reply.body, following=self._following(reply))
        self._keep(url, reply.headers.get("etag"), page)
        return page

    def _keep(self, url: str, etag: str | None, page: Page) -> None:
        before = self._kept.pop(url, None)
        self._kept_bytes -= 0 if before is None else len(before[1].raw)
        if etag:
            self._kept[url] = (etag, page)
            self._kept_bytes += len(page.raw)
        while len(self._kept) > MOST_KEPT or self._kept_bytes > MOST_KEPT_BYTES:
            oldest = self._kept.pop(next(iter(self._kept)))
            self._kept_bytes -= len(oldest[1].raw)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = NOTHING,
        *,
        content: bytes | None = None,
    ) -> Replied:
        reply = self._call(method, url, f"Bearer {self._bearer()}", headers, content=content)
        if reply.status == UNAUTHORIZED:  # withdrawn before its time: once more with another
            self._token = ""
            reply = self._call(method, url, f"Bearer {self._bearer()}", headers, content=content)
        return reply

    def _call(
        self,
        method: str,
        url: str,
        authorization: str,
        headers: Mapping[str, str],
        *,
        content: bytes | None = None,
    ) -> Replied:
        if self._now() < self._closed_until:
            raise Silent(f"github asks to wait until {self._closed_until:%H:%M:%S} UTC")
        always = {
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
            "authorization": authorization,
            **({} if content is None else {"content-type": "application/json"}),
        }
        reply = self._calls.fetch(
            method, url, most=MOST_BYTES, content=content, headers={**always, **headers}
        )
        wait = _wait_s(reply, self._now(), before=self._refusals)
        self._refusals = 0 if wait is None else self._refusals + 1
        if wait is not None:
            self._closed_until = self._now() + timedelta(seconds=wait)
            raise Silent(f"github asks to wait until {self._closed_until:%H:%M:%S} UTC")
        return reply

    def _bearer(self) -> str:
        if not self._token or self._now() >= self._token_until - EARLY:
            place = self._installation
            url = f"{place.base}/app/installations/{place.number}/access_tokens"
            jwt = app_jwt(place.key(), app=place.app, at=self._now())
            reply = self._call("POST", url, f"Bearer {jwt}", NOTHING)
            if reply.status not in OK:
                raise ExternalUnreadable(f"github refuses the App: status {reply.status}")
            try:
                answer = json.loads(reply.body)
                self._token, until = str(answer["token"]), time_of(str(answer["expires_at"]))
                may = answer.get("permissions") or {}
                self._writes = frozenset(what for what in may if may[what] in WRITING)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ExternalUnreadable("github answers with no token") from error
            self._token_until = until
        return self._token

    def _following(self, reply: Replied) -> str | None:
        found = _NEXT.search(reply.headers.get("link", ""))
        if found is None:
            return None
        if not found[1].startswith(f"{self._installation.base}/"):  # a token goes nowhere else
            raise ExternalUnreadable("github names a next page at another place")
        return found[1]


def app_jwt(key: str, *, app: str, at: datetime) -> str:
    """Return the App's word for itself, RS256. Raises ExternalUnreadable, which repeats no secret."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # where an App is set up
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415

    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ExternalUnreadable("the GitHub App's key can't be read as PEM") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ExternalUnreadable("the GitHub App's key is no RSA key")
    claims = {
        "iat": int((at - SKEW).timestamp()),
        "exp": int((at + LIFE).timestamp()),
        "iss": app,
    }
    signed = ".".join(_part(each) for each in ({"alg": "RS256", "typ": "JWT"}, claims))
    signature = private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_base64url(signature)}"


def time_of(text: str) -> datetime:
    """Return a time as GitHub writes it: 2026-11-20T11:19:40Z. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found.astimezone(UTC)


def _part(value: object) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _wait_s(reply: Replied, now: datetime, *, before: int) -> int | None:
    """Return for how long GitHub asks to be left alone, after so many times before; None where it does not."""
    if reply.status not in LIMITED:
        return None
    after, reset = reply.headers.get("retry-after", ""), reply.headers.get("x-ratelimit-reset", "")
    spent = reply.headers.get("x-ratelimit-remaining") == "0"
    if after.isdecimal():
        return min(int(after), LONGEST_WAIT_S)
    if spent and reset.isdecimal():
        return max(1, min(int(reset) - int(now.timestamp()), LONGEST_WAIT_S))
    if spent or reply.status == max(LIMITED) or SECONDARY in reply.body.lower():
        return min(WAIT_S << min(before, 6), LONGEST_WAIT_S)
    return None


def _unread(status: int) -> ExternalUnreadable:
    kind = Silent if status >= SERVER_FAULT else ExternalUnreadable
    return kind(f"github answers with status {status}")


def _shown(path: str) -> str:
    return path.partition("?")[0]
