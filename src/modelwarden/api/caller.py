"""Who calls, and their way to read, write and prepare. The actor is the credential's, never an argument.

Each route says in its signature who may come in: `Annotated[Caller, may(Permission.MODEL_READ)]`. The door admits
whoever holds a valid credential; whether they may is decided by the action, inside its transaction (AC-15).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.access.actions import handle_of
from modelwarden.api.host import Host, host_of
from modelwarden.api.limits import Rate, bucket_of
from modelwarden.api.origin import address_of
from modelwarden.api.replies import NOTHING, beside, encode, json_reply, page_reply
from modelwarden.errors import (
    ActorMismatch,
    FilterInvalid,
    IdempotencyRefused,
    NotFound,
    NotReplicated,
    RequestInvalid,
    RevisionConflict,
    TwoCredentials,
    Unauthenticated,
)
from modelwarden.permissions import Permission
from modelwarden.values.pages import Listing
from modelwarden.values.principal import ActorKind, Principal
from modelwarden.values.system import system

T = TypeVar("T")
A = TypeVar("A")

CALLER: Final = "modelwarden.caller"
SESSION_COOKIES: Final = ("__Host-mw", "mw")
THIRD_PARTY_SHARE: Final = 0.2
LONGEST_KEY: Final = 128
WAIT_S: Final = 25.0
LOOK_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Public:
    """Anybody may come in; the action runs as this built-in actor."""

    name: str = "public"


@dataclass(frozen=True, slots=True)
class Own:
    """Any valid credential will do: it shows what is the caller's own, and more to who holds more rights."""


OWN: Final = Own()
PUBLIC: Final = Public()
Admission = Permission | Own | Public


class Door:
    """Admits callers to one route."""

    def __init__(self, admission: Admission, rate: Rate | None) -> None:
        self.admission: Final = admission
        self.rate: Final = rate

    async def admit(self, request: Request) -> Caller:
        """Return who calls. Raises Unauthenticated, TwoCredentials, RateLimited."""
        host = host_of(request)
        address = address_of(request, host.warden.settings.behind_proxy)
        rate = self.rate or (Rate.READ if request.method in {"GET", "HEAD"} else Rate.WRITE)
        if isinstance(self.admission, Public):
            host.limits.take(rate, address)
            return Caller(host, system(self.admission.name), request)
        try:
            principal = await _principal(host, request, address)
        except Unauthenticated:
            host.limits.take(rate, address)
            raise
        share = THIRD_PARTY_SHARE if principal.kind is ActorKind.THIRD_PARTY else 1.0
        host.limits.take(rate, bucket_of(request, rate, principal.actor), share=share)
        return Caller(host, principal, request)

    async def caller(self, request: Request) -> Caller:
        """Return who was admitted."""
        return cast("Caller", request.scope[CALLER])


def may(admission: Admission, *, rate: Rate | None = None) -> Any:  # noqa: ANN401  # as fastapi.Depends
    """Return the door of a route: the permission that its action asks for, OWN, or Public."""
    return Depends(Door(admission, rate).caller)


class Caller:
    """One admitted caller, and one call."""

    __slots__ = ("host", "principal", "request")

    def __init__(self, host: Host, principal: Principal, request: Request) -> None:
        self.host, self.principal, self.request = host, principal, request

    async def read(
        self,
        action: Callable[[Any], T],
        answer: Callable[[Any, T], A],
        *,
        names: Mapping[str, str] = NOTHING,
    ) -> Response:
        """Run a read and answer with its result."""
        found = await self.look(lambda view: answer(view, action(view)))
        return _shaped(found, names, status=200, headers={})

    async def page(
        self,
        action: Callable[[Any], Listing[T]],
        answer: Callable[[Any, T], A],
        *,
        name: str,
        names: Mapping[str, str] = NOTHING,
    ) -> Response:
        """Run a read of a list and answer with its page; `name` is that of the file, for CSV."""

        def run(view: object) -> Listing[A]:
            found = action(view)
            items = tuple(answer(view, item) for item in found.items)
            return Listing(items, found.next_cursor, found.indexed_to)

        return page_reply(self.request, await self.look(run), name=name, names=names)

    async def look(self, action: Callable[[Any], T]) -> T:
        """Run a read and return its result, for a step that follows."""
        return await self.host.look(self.principal, action)

    async def prepare(self, step: Callable[[], T]) -> T:
        """Run something slow that needs no database: hashing, reading a file."""
        return await self.host.prepare(step)

    async def write(
        self,
        action: Callable[[Any], T],
        answer: Callable[[Any, T], A],
        *,
        again: Callable[[Any, str], A] | None = None,
        status: int | Callable[[A], int] = 200,
        names: Mapping[str, str] = NOTHING,
    ) -> Response:
        """Run a change and answer after its commit, with the number of its entry.

        `again` reads what the change made or moved, by the id that it was kept under: for a repeat under the same
        Idempotency-Key (AC-72), and to compare `If-Match` with (AC-73). `status` may depend on what is answered.
        """
        awaited = self._awaited()
        run = self._compared(action, answer, again)
        key = self._key()
        warden = self.host.warden
        if key is None or again is None:
            done = await settled(warden.submit(self.principal, run))
            value, repeated = done.value[1], False
        else:
            kept = warden.submit_once(self.principal, run, key=await self._scope(key), again=again)
            done = await settled(kept)
            value, repeated = done.value
        headers = {"Governance-Entry": str(done.receipt.seq)}
        if repeated:
            headers["Idempotent-Replay"] = "true"
        if awaited is not None:
            headers["Governance-Receipt"] = await self._receipt(done.receipt, awaited)
        code = status if isinstance(status, int) else status(value)
        return _shaped(value, names, status=code, headers=headers)

    async def write_secret(
        self, action: Callable[[Any], T], answer: Callable[[Any, T], A], *, status: int = 201
    ) -> Response:
        """Run a change whose answer holds a secret, shown this once: it takes no Idempotency-Key (AC-72)."""
        self.refuse_key()
        return await self.write(action, answer, status=status)

    def refuse_key(self) -> None:
        """Raise IdempotencyRefused if the call has a key."""
        if "idempotency-key" in self.request.headers:
            raise IdempotencyRefused("a secret is shown once; send this without Idempotency-Key")

    @property
    def revision(self) -> int | None:
        """Return the revision that `If-Match` names. Raises RequestInvalid."""
        text = self.request.headers.get("if-match")
        if text is None or text == "*":
            return None
        digits = text.strip('"')
        if text != f'"{digits}"' or not digits.isdecimal() or len(digits) > 9:  # noqa: PLR2004
            raise RequestInvalid((("header.If-Match", 'a revision as ETag gave it, such as "3"'),))
        return int(digits)

    def _compared(
        self,
        action: Callable[[Any], T],
        answer: Callable[[Any, T], A],
        again: Callable[[Any, str], A] | None,
    ) -> Callable[[Any], tuple[str, A]]:
        """Return the change that compares the revision first, and answers with the id and the shaped result."""
        expected = self.revision

        def run(change: object) -> tuple[str, A]:
            if expected is not None:
                _compare(change, expected, again)
            value = action(change)
            return _id_of(value), answer(change, value)

        return run

    def _key(self) -> str | None:
        key = self.request.headers.get("idempotency-key")
        if key is None:
            return None
        if not (1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
            raise RequestInvalid((("header.Idempotency-Key", "1 to 128 printable characters"),))
        return key

    async def _scope(self, key: str) -> tuple[str, str]:
        path = self.request.url.path
        parts = (self.principal.actor, self.request.method, path, key)
        scope = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return scope, hashlib.sha256(await self.request.body()).hexdigest()

    def _awaited(self) -> str | None:
        word = self.request.query_params.get("wait")
        if word not in {None, "checkpointed", "witnessed"}:
            raise FilterInvalid("wait", "checkpointed or witnessed")
        if word == "witnessed" and not self.host.warden.is_witnessed:
            raise FilterInvalid("wait", "checkpointed: no witness policy asks for a quorum here")
        return word

    async def _receipt(self, receipt: Any, awaited: str) -> str:  # noqa: ANN401  # the writer's receipt
        """Wait until the entry is proven as far as was asked, half a minute at most, and return its receipt (LG-25)."""
        with suppress(TimeoutError):  # the receipt says how far it is
            async with asyncio.timeout(WAIT_S):
                with suppress(NotReplicated):  # the write is committed: the receipt says how far
                    await self.host.prepare(self.host.warden.sign)
                receipt = await self._standing(receipt)
                while receipt.status not in {awaited, "witnessed"}:
                    await asyncio.sleep(LOOK_S)
                    receipt = await self._standing(receipt)
        fields = ("origin", "seq", "leaf_hash", "entry_hash", "at", "status", "archived")
        return encode({name: getattr(receipt, name) for name in fields}).decode()

    async def _standing(self, receipt: Any) -> Any:  # noqa: ANN401  # the same receipt, later
        return await self.host.read(lambda: self.host.warden.receipt(receipt))


def claimed(action: Callable[[Any], T], names: Mapping[str, str]) -> Callable[[Any], T]:
    """Return the action, refused where a body names another actor than the credential's (AC-5)."""
    if not names:
        return action

    def run(change: Any) -> T:  # noqa: ANN401  # a change
        own = {change.actor, handle_of(change, change.actor)}
        wrong = sorted(field for field, name in names.items() if name not in own)
        if wrong:
            raise ActorMismatch(
                f"{', '.join(wrong)}: who acts is whoever the token stands for; leave it out",
                reasons=tuple(wrong),
            )
        return action(change)

    return run


async def settled(future: Future[T]) -> T:
    """Return the result of a future of another thread. A caller who leaves never takes the future along."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[T] = loop.create_future()

    def tell(done: Future[T]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(_pass_on, waiter, done)

    future.add_done_callback(tell)
    return await waiter


def _pass_on(waiter: asyncio.Future[T], done: Future[T]) -> None:
    if waiter.done():
        return
    error = done.exception()
    if error is None:
        waiter.set_result(done.result())
    else:
        waiter.set_exception(error)


async def _principal(host: Host, request: Request, address: str) -> Principal:
    secret = _bearer(request)
    principal = host.warden.known(secret, address=address)
    if principal is not None:
        return principal
    return await host.read(lambda: host.warden.authenticate(secret, address=address))


def _bearer(request: Request) -> str:
    given = request.headers.getlist("authorization")
    if not given:
        raise Unauthenticated
    if len(given) > 1 or any(name in request.cookies for name in SESSION_COOKIES):
        raise TwoCredentials("send one credential: a token or a session, not both")
    scheme, _, secret = given[0].partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    return secret.strip()


def _compare(change: object, expected: int, again: Callable[[Any, str], Any] | None) -> None:
    nothing = RequestInvalid((("header.If-Match", "left out: nothing here has a revision yet"),))
    if again is None:
        raise nothing
    try:
        value = again(change, "")
    except NotFound:
        raise nothing from None
    found = getattr(value, "revision", None)
    if found is None:
        raise nothing
    if found != expected:
        raise RevisionConflict("it", "that you name", expected=expected, found=found)


def _id_of(value: object) -> str:
    return str(getattr(value, "id", "") or getattr(value, "ref", ""))


def _shaped(
    value: object, names: Mapping[str, str], *, status: int, headers: Mapping[str, str]
) -> Response:
    if isinstance(value, bytes):
        return Response(value, status, dict(headers), "application/octet-stream")
    if isinstance(value, tuple):
        items = {"items": beside(value, names), "next_cursor": None}
        return json_reply(items, status=status, headers=headers)
    revision = getattr(value, "revision", None)
    etag = {} if revision is None else {"ETag": f'"{revision}"'}
    return json_reply(beside(value, names), status=status, headers={**headers, **etag})
