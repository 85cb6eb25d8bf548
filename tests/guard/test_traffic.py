"""What a guard tells of its decisions in the last hour: by what places have fixed, and never by callers' names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from modelwarden.guard.told import told
from modelwarden.guard.traffic import Traffic
from tests.guard.hosts import from_file

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Site:
    """A place with what it has fixed, and what it counted."""

    def __init__(self, n: int, *, version: str | None = None, **bound: object) -> None:
        self.place: Any = SimpleNamespace(short=n, bound=bound, version=version)


def cells(traffic: Traffic) -> dict[tuple[tuple[str, str], ...], int]:
    found: Any = traffic.told()["cells"]
    return {tuple(sorted(each["context"].items())): each["n"] for each in found}


def noted(traffic: Traffic, sites: list[Site], decided: int) -> None:
    given: Any = sites
    traffic.note(given, decided=decided)


def test_decisions_stand_under_what_their_place_has_fixed() -> None:
    traffic = Traffic(clock=Clock())
    sites = [Site(70, endpoint="/score", version="1.4.0"), Site(20, region="eu", consumer="ada")]
    noted(traffic, sites, 100)
    assert cells(traffic) == {
        (("endpoint", "/score"), ("version", "1.4.0")): 70,
        (("region", "eu"),): 20,
        (): 10,
    }


def test_after_an_hour_they_are_gone() -> None:
    clock = Clock()
    traffic, sites = Traffic(clock=clock), [Site(70, endpoint="/score")]
    noted(traffic, sites, 70)
    for _ in range(13):
        clock.now += 300
        noted(traffic, sites, 70)
    assert cells(traffic) == {}
    assert traffic.told()["span_s"] == 3_600


def test_places_that_go_take_nothing_back() -> None:
    traffic = Traffic(clock=Clock())
    noted(traffic, [Site(70, endpoint="/a")], 70)
    noted(traffic, [], 75)
    assert cells(traffic) == {(("endpoint", "/a"),): 70, (): 5}


def test_at_most_32_contexts_are_told_and_nothing_is_lost() -> None:
    traffic = Traffic(clock=Clock())
    noted(traffic, [Site(10 + n, endpoint=f"/{n}") for n in range(100)], 6_000)
    assert len(cells(traffic)) == 32
    assert sum(cells(traffic).values()) == 6_000


def test_a_guard_counts_its_own_calls(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        predict = guard.protect(lambda features: features, endpoint="/score")
        for _ in range(25):
            predict(0.4)
        more: Any = told(guard._parts)
        found = {tuple(cell["context"].items()): cell["n"] for cell in more["traffic"]["cells"]}
        assert sum(found.values()) == 25
        assert found[("endpoint", "/score"),] >= 24  # the first call may take the whole way
