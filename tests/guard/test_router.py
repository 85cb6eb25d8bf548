"""Who gets which version: golden buckets, shares that only grow, stable wherever there is doubt (SG-29 to SG-32)."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import RouteInvalid
from modelwarden.guard.match import NOTHING, Match
from modelwarden.guard.router import (
    Route,
    Routed,
    Strategy,
    Why,
    bucket,
    choose,
    divert,
    parse_route,
)
from modelwarden.guard.switch import Action
from tests.guard.blake2b import blake2b

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "router.json").read_bytes())
SALT = bytes(range(16))
CANARY = Route(
    deployment="dep_1",
    strategy=Strategy.CANARY,
    salt=SALT,
    by_worker=False,
    stable="1.4.0",
    shares=(("1.5.0", 1_000),),
)
BOTH = frozenset({"1.4.0", "1.5.0"})
BLOCKED = Match(Action.BLOCK, ("swi_1",))
RAW = {
    "deployment": "dep_1",
    "strategy": "canary",
    "salt": SALT.hex(),
    "by": "key",
    "stable": "1.4.0",
    "shares": {"1.5.0": 1_000},
    "shadow": None,
}

keys = st.one_of(st.text(min_size=1), st.integers(-(2**70), 2**70))


def chosen(route: Route, key: object, *, instance: str = "web-1") -> Routed:
    return choose(route, key=key, instance=instance, loaded=BOTH)


def expected(key: str, salt: bytes) -> int:
    digest = blake2b(key.encode("utf-8", "surrogatepass"), key=salt, size=8)
    return math.floor(int.from_bytes(digest, "big") * 10_000 / 2**64)


@pytest.mark.parametrize(
    "vector", GOLDEN["buckets"], ids=lambda one: f"{one['key']!r:.20}-{one['salt'][:4]}"
)
def test_buckets_do_not_move(vector: dict[str, Any]) -> None:
    salt = bytes.fromhex(vector["salt"])
    assert bucket(vector["key"], salt) == vector["bucket"]
    assert expected(str(vector["key"]), salt) == vector["bucket"]  # RFC 7693, written a second time


def test_the_second_source_gives_the_vector_of_the_rfc() -> None:
    found = blake2b(b"abc", key=b"", size=64).hex()
    assert found.startswith("ba80a53f981c4d0d6a2797b69f12f6e9")  # RFC 7693, appendix A


@given(keys, st.binary(min_size=16, max_size=16))
def test_a_bucket_is_a_basis_point_and_always_the_same(key: object, salt: bytes) -> None:
    found = bucket(key, salt)
    assert found is not None
    assert 0 <= found < 10_000
    assert bucket(str(key), salt) == found  # an integer counts as its decimal text


@pytest.mark.parametrize("key", [None, "", True, 1.5, b"k", ["k"], 2**5_000])
def test_what_is_no_key_gets_the_stable_version(key: object) -> None:
    assert bucket(key, SALT) is None
    half = CANARY.with_(shares=(("1.5.0", 9_999),))
    assert chosen(half, key) == Routed("1.4.0", Why.NO_KEY)


@given(keys, st.integers(0, 10_000), st.integers(0, 10_000))
def test_raising_a_share_keeps_who_is_in(key: object, one: int, other: int) -> None:
    low, high = sorted((one, other))
    if chosen(CANARY.with_(shares=(("1.5.0", low),)), key).version == "1.5.0":
        assert chosen(CANARY.with_(shares=(("1.5.0", high),)), key).version == "1.5.0"


@given(keys, st.lists(st.integers(0, 3_000), min_size=3, max_size=3), st.integers(0, 1_000))
def test_raising_the_last_of_several_shares_moves_nobody_but_from_stable(
    key: object, shares: list[int], more: int
) -> None:
    def route(last: int) -> Route:
        return CANARY.with_(shares=(("a", shares[0]), ("b", shares[1]), ("c", last)))

    loaded = {"a", "b", "c"}
    before = choose(route(shares[2]), key=key, instance="", loaded=loaded).version
    after = choose(route(shares[2] + more), key=key, instance="", loaded=loaded).version
    assert after == before or (before, after) == ("1.4.0", "c")


@pytest.mark.parametrize("share", [1, 100, 1_000, 5_000, 9_900])
@pytest.mark.parametrize("salt", [SALT, bytes(16), b"\xff" * 16], ids=["count", "zero", "ones"])
def test_a_share_is_met_within_three_sigma(share: int, salt: bytes) -> None:
    route = CANARY.with_(shares=(("1.5.0", share),), salt=salt)
    many = 40_000
    got = sum(chosen(route, f"customer-{n}").version == "1.5.0" for n in range(many))
    wanted = share / 10_000
    assert abs(got - many * wanted) <= 3 * math.sqrt(many * wanted * (1 - wanted))


def test_several_shares_are_met_side_by_side() -> None:
    shares = {"a": 3_000, "b": 2_000, "c": 1_000, "1.4.0": 4_000}
    route = CANARY.with_(shares=tuple((name, shares[name]) for name in ("a", "b", "c")))
    many = 20_000
    got = Counter(choose(route, key=n, instance="", loaded=shares).version for n in range(many))
    for name, share in shares.items():
        wanted = share / 10_000
        assert abs(got[name] - many * wanted) <= 3 * math.sqrt(many * wanted * (1 - wanted)), name


def test_two_deployments_draw_apart() -> None:
    """Whoever is in one canary is not the one who is in every canary."""
    one, other = (CANARY.with_(salt=salt, shares=(("1.5.0", 5_000),)) for salt in (SALT, bytes(16)))
    many = 20_000
    both = sum(chosen(one, n).version == chosen(other, n).version for n in range(many))
    assert abs(both - many / 2) <= 3 * math.sqrt(many / 4)


def test_one_key_keeps_its_version_and_a_worker_does_not_matter() -> None:
    for key in range(50):
        assert len({chosen(CANARY, key, instance=f"web-{n}") for n in range(5)}) == 1


def test_rolling_goes_by_worker() -> None:
    rolling = CANARY.with_(strategy=Strategy.ROLLING, by_worker=True, shares=(("1.5.0", 5_000),))
    for number in range(20):
        found = {chosen(rolling, key, instance=f"web-{number}").version for key in (None, 1, "a")}
        at = bucket(f"web-{number}", SALT)
        assert at is not None
        assert found == {"1.5.0" if at < 5_000 else "1.4.0"}


@pytest.mark.parametrize(
    "shares", [(), (("1.5.0", 0),), (("1.5.0", 10_000),)], ids=["no", "0", "all"]
)
def test_no_key_is_needed_where_one_version_has_all(shares: tuple[tuple[str, int], ...]) -> None:
    found = chosen(CANARY.with_(strategy=Strategy.BLUE_GREEN, shares=shares), None)
    assert found == Routed("1.5.0" if shares and shares[0][1] else "1.4.0", Why.WHOLE)


def test_a_version_that_is_not_loaded_leaves_the_stable_one() -> None:
    green = CANARY.with_(shares=(("1.5.0", 10_000),))
    assert choose(green, key="k", instance="", loaded={"1.4.0"}) == Routed("1.4.0", Why.NOT_LOADED)
    assert choose(CANARY, key=None, instance="", loaded=()).version == "1.4.0"


def test_a_shadow_runs_only_where_it_is_loaded_and_does_not_answer() -> None:
    shadowed = CANARY.with_(strategy=Strategy.SHADOW, shares=(), shadow="1.5.0")
    assert chosen(shadowed, "k") == Routed("1.4.0", Why.WHOLE, "1.5.0")
    assert choose(shadowed, key="k", instance="", loaded={"1.4.0"}).shadow is None
    flipped = CANARY.with_(shares=(("1.5.0", 10_000),), shadow="1.5.0")
    assert chosen(flipped, "k").shadow is None  # it answers already


def test_a_version_that_is_switched_off_is_left_for_the_stable_one() -> None:
    off = {"1.5.0": BLOCKED}
    routed = Routed("1.5.0", Why.SHARE, "1.6.0")

    def match(label: str) -> Match:
        return off.get(label, NOTHING)

    found, said = divert(CANARY, routed, loaded=BOTH, match=match)
    assert (found, said) == (Routed("1.4.0", Why.REROUTED), NOTHING)
    assert divert(CANARY, routed, loaded={"1.5.0"}, match=match) == (routed, BLOCKED)
    off["1.4.0"] = Match(Action.FALLBACK, ("swi_2",), None)
    assert divert(CANARY, routed, loaded=BOTH, match=match) == (routed, BLOCKED)
    stable = Routed("1.4.0", Why.SHARE)
    assert divert(CANARY, stable, loaded=BOTH, match=match) == (stable, off["1.4.0"])


def test_a_version_that_is_only_watched_keeps_answering() -> None:
    watched = Match(Action.OBSERVE, ("swi_1",))
    routed = Routed("1.5.0", Why.SHARE)
    assert divert(CANARY, routed, loaded=BOTH, match=lambda _: watched) == (routed, watched)


def test_a_route_is_read() -> None:
    assert parse_route(RAW) == CANARY
    assert parse_route(RAW | {"by": "worker", "later": 1}).by_worker
    assert parse_route(RAW | {"strategy": "spiral"}).strategy == "spiral"  # shares alone decide


@pytest.mark.parametrize(
    "fields",
    [
        {"salt": "00"},
        {"salt": "zz" * 16},
        {"by": "region"},
        {"stable": None},
        {"shares": {"1.4.0": 10}},
        {"shares": {"1.5.0": 10_001}},
        {"shares": {"1.5.0": 6_000, "1.6.0": 6_000}},
        {"shares": {"1.5.0": -1}},
        {"shares": {"1.5.0": 0.5}},
        {"shares": {"1.5.0": True}},
        {"shares": [["1.5.0", 10]]},
        {"shadow": 7},
        {"strategy": "direct"},
        {"strategy": "shadow"},
    ],
    ids=str,
)
def test_a_route_of_another_form_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(RouteInvalid):
        parse_route(RAW | fields)
    with pytest.raises(RouteInvalid):
        parse_route(["route"])


def test_a_route_names_no_version_twice() -> None:
    with pytest.raises(RouteInvalid):
        CANARY.with_(shares=(("1.5.0", 1), ("1.5.0", 2)))
