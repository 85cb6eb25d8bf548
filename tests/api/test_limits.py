"""How often one actor may call (AC-70), and whose address counts (AC-74)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request

from modelwarden.api.limits import Limits, Rate
from modelwarden.api.origin import address_of, is_local
from modelwarden.config import Settings
from modelwarden.errors import RateLimited
from tests.api import town as towns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass
class Hand:
    """The hand of a clock that a test moves."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def taken(limits: Limits, rate: Rate, who: str = "usr_1", **given: float) -> int:
    """Return how many calls are let through at once."""
    for number in range(1_000):
        try:
            limits.take(rate, who, **given)
        except RateLimited:
            return number
    return 1_000


def test_a_burst_is_two_seconds_of_the_allowance_and_fills_up_again() -> None:
    hand = Hand()
    limits = Limits(Settings(read_rate=50, write_rate=10), clock=hand)
    assert (taken(limits, Rate.READ), taken(limits, Rate.WRITE)) == (100, 20)
    hand.at = 1.0
    assert (taken(limits, Rate.READ), taken(limits, Rate.WRITE)) == (50, 10)
    hand.at = 100.0
    assert taken(limits, Rate.READ) == 100


def test_what_brings_back_what_worked_has_a_reserve_of_its_own() -> None:
    limits = Limits(Settings(), clock=Hand())
    taken(limits, Rate.WRITE)
    assert taken(limits, Rate.RESERVE) == 20


def test_what_is_expensive_is_allowed_twice_a_minute_and_signing_in_ten_times() -> None:
    hand = Hand()
    limits = Limits(Settings(), clock=hand)
    assert (taken(limits, Rate.EXPENSIVE), taken(limits, Rate.SIGN_IN)) == (2, 10)
    hand.at = 30.0
    assert (taken(limits, Rate.EXPENSIVE), taken(limits, Rate.SIGN_IN)) == (1, 5)


def test_one_actor_does_not_use_up_anothers_and_a_third_party_has_a_fifth() -> None:
    limits = Limits(Settings(), clock=Hand())
    taken(limits, Rate.READ, "usr_1")
    assert taken(limits, Rate.READ, "usr_2") == 100
    assert taken(limits, Rate.READ, "tpa_1", share=0.2) == 20


def test_zero_sets_a_limit_aside() -> None:
    limits = Limits(Settings(read_rate=0, write_rate=0), clock=Hand())
    assert {taken(limits, rate) for rate in Rate} == {1_000}


def test_over_http_the_answer_says_when_to_come_again(tmp_path: Path) -> None:
    with towns.town(tmp_path, read_rate=1, write_rate=1) as town:
        answers = [town.call("alice", "GET", "/me") for _ in range(4)]
        late = answers[-1]
        assert [one.status_code for one in answers[:2]] == [200, 200]
        assert (late.status_code, late.json()["code"]) == (429, "rate_limited")
        assert int(late.headers["Retry-After"]) >= 1
        assert late.headers["RateLimit-Policy"] == '"read";q=1;w=1'
        assert late.headers["RateLimit"].startswith('"read";r=0;t=')
        assert town.call("carol", "GET", "/me").status_code == 200
        wrong = [town.call(None, "GET", "/me").status_code for _ in range(4)]
        assert wrong == [401, 401, 429, 429]


def request(peer: str | None, headers: Mapping[str, str]) -> Request:
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/", "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": None if peer is None else (peer, 1),
    }  # fmt: skip
    return Request(scope)


PROXIES = ("10.0.0.0/8", "::1/128")


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "found"),
    [
        ("203.0.113.9", "198.51.100.1", (), "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", PROXIES, "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", PROXIES, "198.51.100.1"),
        ("10.0.0.1", "192.0.2.1, 198.51.100.1", PROXIES, "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.2.3.4", PROXIES, "198.51.100.1"),
        ("10.0.0.1", "10.2.3.4", PROXIES, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", PROXIES, "10.0.0.1"),
        ("10.0.0.1", "", PROXIES, "10.0.0.1"),
        ("::1", "2001:db8::1", PROXIES, "2001:db8::1"),
        (None, "198.51.100.1", PROXIES, "unknown"),
    ],
)
def test_forwarded_addresses_are_believed_from_the_proxies_alone(
    peer: str | None, forwarded: str, proxies: tuple[str, ...], found: str
) -> None:
    assert address_of(request(peer, {"X-Forwarded-For": forwarded}), proxies) == found


@pytest.mark.parametrize(
    ("peer", "headers", "local"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("10.0.0.1", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, False),
        (None, {}, False),
    ],
)
def test_a_call_is_local_if_nobody_passed_it_on(
    peer: str | None, headers: dict[str, str], *, local: bool
) -> None:
    assert is_local(request(peer, headers)) is local
