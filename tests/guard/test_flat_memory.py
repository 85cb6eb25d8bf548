"""A guard's memory does not grow with the callers and contexts that it has met."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.guard.limits import Limits, Rate
from modelwarden.guard.match import REMEMBERED
from modelwarden.guard.remembered import MemoryStore
from tests.guard.hosts import from_file
from tests.guard.wire import BLOCK_EU

if TYPE_CHECKING:
    from modelwarden.guard.guard import Guard

MIB: Final = 2**20
MOST_GROWTH: Final = 24 * MIB
PREFIXED: Final = BLOCK_EU | {"scope": {"consumer": {"prefix": "x-"}, "region": ["eu"]}}


def predict(value: float, customer: str, consumer: str, region: str = "us") -> float:
    _ = customer, consumer, region
    return value


def guarded(guard: Guard) -> Any:
    limits = Limits([Rate("1000000/s", burst=1_000_000, key="consumer")])
    return guard.protect(predict, low=0.0, high=1.0, key="customer", limits=limits)


def call(function: Any, first: int, last: int) -> None:
    for number in range(first, last):
        function(0.5, f"customer-{number}", f"consumer-{number}")


def resident() -> int:
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_what_is_kept_of_contexts_is_bounded(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [PREFIXED]}, store=MemoryStore(most=100)) as guard:
        function = guarded(guard)
        call(function, 0, 2 * REMEMBERED + 100)
        batch = guard.batch(
            [0.5] * (REMEMBERED + 100),
            context={"consumer": [f"b-{n}" for n in range(REMEMBERED + 100)], "region": "us"},
        )
        assert not batch.status.any()
        (site,) = [site for site in guard._parts.sites if site.place.options.limits is not None]
        (matcher,) = site.ready[-1][-1].matchers
        assert len(matcher._memo.kept) <= REMEMBERED
        assert all(len(each.known) <= REMEMBERED + 8 for each in matcher._rules.bitmaps.values())
        kinds = guard._sites["batch"].batches._ready.kinds
        assert kinds is not None
        assert all(len(each) <= REMEMBERED + 1 for each in kinds._by_place.values())


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
@pytest.mark.timeout(1_200)
def test_memory_stays_flat_under_a_million_keys_and_contexts(tmp_path: Path) -> None:
    """What is remembered is full after 100,000 keys; from then on nothing grows."""
    with from_file(tmp_path, body={"switches": [PREFIXED]}) as guard:
        function = guarded(guard)
        call(function, 0, 150_000)
        before = resident()
        call(function, 150_000, 1_000_000)
        assert resident() - before < MOST_GROWTH
