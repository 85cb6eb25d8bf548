"""Which version answers: shares by bucket, sticky by key (SG-29, SG-30, SG-32).

Pure: what is loaded and which version is switched off are handed in. Running a shadow and counting are the guard's.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import RouteInvalid
from modelwarden.guard.scope import plain_text
from modelwarden.guard.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from modelwarden.guard.match import Match

WHOLE: Final = 10_000
"""Shares are in basis points."""

SALT_BYTES: Final = 16


class Strategy(StrEnum):
    """How a deployment moves traffic. A guard reads others too: shares alone decide, and a switch must not wait."""

    DIRECT = "direct"
    BLUE_GREEN = "blue_green"
    CANARY = "canary"
    ROLLING = "rolling"
    SHADOW = "shadow"


class Why(StrEnum):
    """Why this version answers: stable codes, counted by the guard."""

    WHOLE = "whole"
    SHARE = "share"
    NO_KEY = "no_key"
    NOT_LOADED = "not_loaded"
    REROUTED = "rerouted"


class Route(Value):
    """Who gets which version of a model.

    Attributes:
        by_worker: the bucket is that of the worker's instance id, not of the caller's key.
        shares: other versions than the stable one with their basis points; the stable one has the rest. Raising a
            share keeps who is in it, as long as those before it stay.
        shadow: the version that runs afterwards and answers nobody.
    """

    deployment: str
    strategy: str
    salt: bytes
    by_worker: bool
    stable: str
    shares: tuple[tuple[str, int], ...]
    shadow: str | None

    def __init__(  # noqa: PLR0913 - as a snapshot tells it
        self, *, deployment: str, strategy: str, salt: bytes, by_worker: bool, stable: str,
        shares: tuple[tuple[str, int], ...] = (), shadow: str | None = None,
    ) -> None:  # fmt: skip
        self._set(
            deployment=deployment, strategy=strategy, salt=salt, by_worker=by_worker, stable=stable, shares=shares,
            shadow=shadow,
        )  # fmt: skip
        labels = [label for label, _ in self.shares]
        if len(self.salt) != SALT_BYTES:
            raise RouteInvalid(f"the salt of a route has {SALT_BYTES} bytes")
        if self.stable in labels or len(set(labels)) != len(labels):
            raise RouteInvalid("a route names a version twice")
        if any(share < 0 for _, share in self.shares) or sum(s for _, s in self.shares) > WHOLE:
            raise RouteInvalid(f"the shares of a route are from 0 to {WHOLE:,}, together too")
        flips = self.strategy in {Strategy.DIRECT, Strategy.BLUE_GREEN}
        if flips and any(share not in {0, WHOLE} for _, share in self.shares):
            raise RouteInvalid(f"{self.strategy} has all or nothing")
        if self.strategy == Strategy.SHADOW and any(share for _, share in self.shares):
            raise RouteInvalid("in a shadow only the stable version answers")

    @property
    def whole(self) -> str | None:
        """The version that has everything: no bucket is needed."""
        given = [(label, share) for label, share in self.shares if share]
        if not given:
            return self.stable
        return given[0][0] if given[0][1] == WHOLE else None


class Routed(NamedTuple):
    """Which version answers, why, and which one runs in its shadow."""

    version: str
    why: Why
    shadow: str | None = None


def bucket(key: object, salt: bytes) -> int | None:
    """Return the basis point of a key, from 0 to 9,999, or None for no key (SG-29).

    A key is text that is not empty, or an integer, which counts as its decimal text.
    """
    text = plain_text(key)
    if not text:
        return None
    hashed = _blake2b()(text.encode(errors="surrogatepass"), digest_size=8, key=salt).digest()
    return int.from_bytes(hashed) * WHOLE >> 64


@cache
def _blake2b() -> Callable[..., Any]:
    """Load what hashes: the first key that is asked for pays for OpenSSL, and no host without one does."""
    from hashlib import blake2b  # noqa: PLC0415

    return blake2b


def parse_route(raw: object) -> Route:
    """Read the route of a snapshot. Raises RouteInvalid."""
    match raw:
        case {
            "deployment": str(deployment),
            "strategy": str(strategy),
            "salt": str(salt),
            "by": "key" | "worker" as by,
            "stable": str(stable),
            "shares": dict(shares),
            "shadow": str() | None as shadow,
        }:
            return Route(
                deployment=deployment,
                strategy=strategy,
                salt=_salt(salt),
                by_worker=by == "worker",
                stable=stable,
                shares=tuple(sorted((str(label), _share(shares[label])) for label in shares)),
                shadow=shadow,
            )
        case _:
            raise RouteInvalid(
                "a route has deployment, strategy, salt, by, stable, shares and shadow"
            )


def choose(route: Route, *, key: object, instance: str, loaded: Container[str]) -> Routed:
    """Return which version answers this caller on this worker (SG-29, SG-30).

    `loaded` are the versions that this worker can serve. No key, or a version that is not loaded, means the stable
    one (SG-32); whether that one is loaded is the caller's to see.
    """
    version, why = _by_share(route, instance if route.by_worker else key)
    if version != route.stable and version not in loaded:
        version, why = route.stable, Why.NOT_LOADED
    shadow = route.shadow if route.shadow != version and route.shadow in loaded else None
    return Routed(version, why, shadow)


def divert(
    route: Route,
    routed: Routed,
    *,
    loaded: Container[str],
    match: Callable[[str], Match],
) -> tuple[Routed, Match]:
    """Leave a version that is switched off for the stable one, if that is live and unmatched (SG-32).

    `match` gives what the switches that name `version` say of a label. With the answer comes what they say of it.
    """
    found = match(routed.version)
    if not found.diverts or routed.version == route.stable or route.stable not in loaded:
        return routed, found
    instead = match(route.stable)
    if instead.diverts:
        return routed, found
    return Routed(route.stable, Why.REROUTED, None), instead


def _by_share(route: Route, key: object) -> tuple[str, Why]:
    if (whole := route.whole) is not None:
        return whole, Why.WHOLE
    found = bucket(key, route.salt)
    if found is None:
        return route.stable, Why.NO_KEY
    for label, share in route.shares:
        if found < share:
            return label, Why.SHARE
        found -= share
    return route.stable, Why.SHARE


def _salt(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise RouteInvalid("the salt of a route is hex") from None


def _share(value: object) -> int:
    if type(value) is not int:
        raise RouteInvalid("a share is a number of basis points")
    return value
