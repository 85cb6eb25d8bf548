"""Counts of guards on the server: added once, kept by minute, compared with what was registered."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import DriftInvalid, NotFound, ValueInvalid, VersionNotFound
from modelwarden.guard.drift import psi_star
from modelwarden.guard.fields import MAX_COUNT
from modelwarden.guard.snapshot import Floor
from modelwarden.guard.wire import MAX_BODY_BYTES
from modelwarden.safeguards.drift import counting, queries, reads
from modelwarden.safeguards.drift.counted import REST, Slot, added, minute_of, total
from modelwarden.safeguards.drift.counting import MOST_VALUES, Flushes, ToldDrift
from modelwarden.safeguards.drift.judging import state_after
from modelwarden.safeguards.drift.queries import Source
from modelwarden.safeguards.snapshots.body import Contents, Topic
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden
from tests.safeguards.desk import Desk
from tests.safeguards.drifting import REFERENCE, counts, elsewhere, flush, like_before, reference
from tests.safeguards.test_snapshots import CHURN, built, says

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from modelwarden.guard.drift_flush import DriftFlush
    from modelwarden.safeguards.drift.reads import Window
    from modelwarden.store.change import View
    from modelwarden.values.drift import DriftAnswer

SYSTEM = system("test")


@pytest.fixture
def desk(tmp_path: Path, store_url: str) -> Iterator[Desk]:
    opened = Desk.opened(store_url, tmp_path)
    opened.acting("olivia").versions.register("churn", "2", drift_reference=REFERENCE)
    yield opened
    opened.warden.close()


def now(desk: Desk) -> int:
    return minute_of(desk.clock.now())


def told(desk: Desk, found: DriftFlush, **fields: object) -> int:
    """Tell a flush as the program does that trusts the sender; return how many were news."""
    made: dict[str, Any] = {"topic": CHURN, "version": "2", "dimension": "region"} | fields
    accept = partial(counting.accept_flush, told=ToldDrift(flush=found, **made))
    counted = desk.warden.view(SYSTEM, accept)
    kept: int = desk.warden.telemetry(SYSTEM, partial(counting.keep, found=[counted]))
    return kept


def windows(desk: Desk, by: str | None = "region", minutes: int = 10) -> list[Window]:
    until = desk.clock.now()

    def read(view: View) -> list[Window]:
        since = until - timedelta(minutes=minutes)
        return reads.windows(
            view, model="churn", environment="production", since=since, until=until, by=by
        )

    return desk.warden.view(SYSTEM, read)


def shown(desk: Desk, **how: Any) -> DriftAnswer:  # noqa: ANN401 - what is asked
    return desk.acting("olivia").guards.drift("churn", "2", **how)


def pass_minutes(desk: Desk, many: int = 1) -> None:
    desk.clock.advance(minutes=many)


def test_what_guards_count_is_added_up_by_region_and_compared(desk: Desk) -> None:
    for by in ({"eu": elsewhere(), "us": like_before()}, {"EU ": elsewhere(), None: like_before()}):
        assert told(desk, flush(by, minute=now(desk))) == 1
    pass_minutes(desk)
    eu, us, rest = windows(desk)
    assert [(one.by, one.n) for one in (eu, us, rest)] == [
        ("eu", 2_000),
        ("us", 1_000),
        (None, 1_000),
    ]
    assert eu.value is not None
    assert eu.value > 2
    assert (us.value, rest.value) == (0.0, 0.0)
    (everything,) = windows(desk, by=None)
    assert (everything.by, everything.n) == (None, 4_000)


def test_evidence_gives_the_index_again(desk: Desk) -> None:
    told(desk, flush({"eu": elsewhere()}, minute=now(desk)))
    pass_minutes(desk)
    (found,) = windows(desk)
    features = json.loads(json.dumps(found.evidence))["features"]
    again = {name: psi_star(one["counts"], one["reference"]) for name, one in features.items()}
    assert again == {name: one["psi"] for name, one in features.items()}
    assert max(value for value in again.values() if value is not None) == found.value
    assert found.evidence["reference_sha256"] == reference().sha256


def test_a_flush_that_is_heard_again_changes_nothing(desk: Desk) -> None:
    first = flush({"eu": like_before()}, minute=now(desk))
    other = flush({"eu": like_before()}, minute=now(desk), sequence=3, instance=first.instance)
    assert [told(desk, one) for one in (first, first, other, first, other)] == [1, 0, 1, 0, 0]
    pass_minutes(desk)
    assert windows(desk)[0].n == 2_000


def test_repeats_in_one_batch_and_at_once_count_once(desk: Desk) -> None:
    one = flush({"eu": like_before()}, minute=now(desk))
    accept = partial(
        counting.accept_flush,
        told=ToldDrift(topic=CHURN, version="2", dimension="region", flush=one),
    )
    counted = desk.warden.view(SYSTEM, accept)
    flushes = Flushes(desk.warden.store.writer)
    with ThreadPoolExecutor(8) as pool:
        for future in list(pool.map(lambda _: flushes.take(counted), range(40))):
            future.result()
    flushes.close()
    pass_minutes(desk)
    assert windows(desk)[0].n == 1_000


def test_fifty_rows_are_unknown_and_not_drift(desk: Desk) -> None:
    told(desk, flush({"eu": elsewhere(50)}, minute=now(desk)))
    pass_minutes(desk)
    assert [(one.n, one.value) for one in windows(desk)] == [(50, None)]
    assert shown(desk, by="region").groups[0].state == "unknown"


def test_nothing_counted_is_unknown_for_all_and_no_group_for_regions(desk: Desk) -> None:
    assert windows(desk) == []
    assert [(one.state, one.n, one.psi) for one in shown(desk).groups] == [("unknown", 0, None)]
    assert shown(desk, by="region").groups == ()


@pytest.mark.parametrize(
    ("indices", "state"),
    [
        ([], "unknown"),
        ([None] * 12, "unknown"),
        ([0.0, 0.0], "none"),
        ([0.6, 0.6], "none"),
        ([0.6, 0.6, 0.6], "trip"),
        ([0.6, None, 0.6, None, 0.6], "trip"),
        ([0.6, 0.6, 0.1, 0.6], "none"),
        ([0.3, 0.6, 0.3], "observe"),
        ([0.2, 0.15, 0.3], "note"),
        ([0.6, 0.6, 0.6, 0.3, 0.3, 0.3, 0.3], "trip"),
        ([0.6, 0.6, 0.6, 0.15, 0.15, 0.15], "observe"),
        ([0.6, 0.6, 0.6, 0.0, 0.0, 0.0], "none"),
        ([0.6, 0.6, 0.6, None, None], "trip"),
    ],
    ids=str,
)
def test_a_state_needs_three_windows_to_turn_and_the_unknown_turns_none(
    indices: list[float | None], state: str
) -> None:
    assert state_after(indices) == state


def test_drift_of_one_region_trips_that_region_alone(desk: Desk) -> None:
    for _ in range(3):
        for _ in range(10):
            told(desk, flush({"eu": elsewhere(100), "us": like_before(100)}, minute=now(desk)))
            pass_minutes(desk)
    found = shown(desk, by="region")
    assert [(one.value, one.state) for one in found.groups] == [("eu", "trip"), ("us", "none")]
    assert found.groups[0].features[0].feature in {"age", "plan"}
    assert found.groups[0].psi == found.groups[0].psi_by_window[-1]
    assert (found.window_s, found.until - found.since) == (600, timedelta(minutes=10))


def test_who_may_not_read_the_model_sees_no_drift(desk: Desk) -> None:
    desk.join("nora")
    for version, error in (("9", VersionNotFound), ("1.4.0", NotFound)):
        with pytest.raises(error):
            desk.acting("olivia").guards.drift("churn", version)
    with pytest.raises(NotFound):
        desk.acting("nora").guards.drift("churn", "2")


@pytest.mark.parametrize(
    "how",
    [
        {"window": "0m"},
        {"window": "25h"},
        {"window": "ten"},
        {"window": "1d"},
        {"environment": "dev"},
    ],
    ids=str,
)
def test_a_window_or_place_that_cannot_be_is_refused(desk: Desk, how: dict[str, str]) -> None:
    with pytest.raises(ValueInvalid):
        shown(desk, **how)


@pytest.mark.parametrize("late", [-25 * 60, 10])
def test_a_flush_of_another_time_is_refused(desk: Desk, late: int) -> None:
    with pytest.raises(DriftInvalid, match="minute"):
        told(desk, flush({"eu": like_before()}, minute=now(desk) + late))


def test_counts_that_do_not_fit_the_edges_are_refused(desk: Desk) -> None:
    good = like_before()
    for features in (
        {"age": good["age"][:-1]},
        {"income": good["age"]},
        {"plan": (*good["plan"], 1)},
    ):
        with pytest.raises(DriftInvalid, match="cells"):
            told(desk, flush({"eu": features}, minute=now(desk)))
    with pytest.raises(VersionNotFound):
        told(desk, flush({"eu": good}, minute=now(desk)), version="1.4.0")
    for version in ("9", "../2", "", "2\n"):
        with pytest.raises(VersionNotFound):
            told(desk, flush({"eu": good}, minute=now(desk)), version=version)
    with pytest.raises(ValueInvalid, match="dimension"):
        told(desk, flush({"eu": good}, minute=now(desk)), dimension="customer_id")
    with pytest.raises(ValueInvalid, match="environment"):
        told(desk, flush({"eu": good}, minute=now(desk)), topic=Topic("dev", "churn"))


def test_too_many_values_of_many_guards_count_among_the_rest(desk: Desk) -> None:
    names = [f"r{at}" for at in range(MOST_VALUES + 40)]
    for part in _parts(names):
        told(desk, flush(dict.fromkeys(part, like_before(100)), minute=now(desk)))
    pass_minutes(desk)
    found = windows(desk)
    assert len(found) == MOST_VALUES + 1
    assert sum(one.n for one in found) == len(names) * 100
    assert next(one.n for one in found if one.by is None) == 4_000


def _parts(names: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(names), 32):
        yield tuple(names[start : start + 32])


def test_counts_stay_whole_numbers_that_json_can_hold(desk: Desk) -> None:
    huge = {"age": (MAX_COUNT,) + (0,) * 12}
    for _ in range(2):
        told(desk, flush({"eu": huge}, minute=now(desk)))
    pass_minutes(desk)
    assert windows(desk)[0].n == MAX_COUNT


def test_old_minutes_become_hours_and_old_hours_go(desk: Desk) -> None:
    for _ in range(90):
        told(desk, flush({"eu": like_before(100)}, minute=now(desk)))
        pass_minutes(desk)
    begun = desk.clock.now() - timedelta(minutes=90)
    pass_minutes(desk, 8 * 24 * 60)
    assert desk.warden.telemetry(SYSTEM, counting.tidy) == 90
    assert desk.warden.telemetry(SYSTEM, counting.tidy) == 0
    assert _slots(desk) == {
        (60, minute_of(begun)): 6_000,
        (60, minute_of(begun) + 60): 3_000,
    }
    pass_minutes(desk, 90 * 24 * 60)
    desk.warden.telemetry(SYSTEM, counting.tidy)
    assert _slots(desk) == {}


def _slots(desk: Desk) -> dict[tuple[int, int], int]:
    def read(view: View) -> Mapping[Slot, Any]:
        return queries.slots_between(
            view, "churn", "production", version=None, since=0, until=2**31 - 1
        )

    found = desk.warden.view(SYSTEM, read)
    return {(slot.minutes, slot.begins): sum(cells[0]) for slot, cells in found.items()}


cells_of = st.tuples(
    st.lists(st.integers(0, 2**40), min_size=3, max_size=3).map(tuple), st.just((1, 2))
)


@given(st.lists(cells_of, max_size=12), st.randoms(use_true_random=False))
def test_counts_merge_in_any_order_to_the_whole(
    several: Sequence[Any], chance: random.Random
) -> None:
    shuffled = list(several)
    chance.shuffle(shuffled)
    at = chance.randint(0, len(shuffled))
    assert total(shuffled) == total(several)
    assert added(total(shuffled[:at]), total(shuffled[at:])) == total(several)


def test_a_snapshot_carries_the_edges_of_its_versions(desk: Desk) -> None:
    body = says(built(desk.warden, CHURN)[0])
    features = {
        name: {key: value for key, value in one.items() if key != "counts"}
        for name, one in REFERENCE["features"].items()
    }
    assert body["drift"] == {"by": ["region"], "versions": {"2": features}}
    desk.acting("dave").versions.retire("churn", "2")
    assert says(built(desk.warden, CHURN)[0])["drift"] is None


def test_counts_of_one_guard_and_another_are_two_sources(desk: Desk) -> None:
    one = flush({"eu": like_before()}, minute=now(desk))
    assert told(desk, one) == 1
    assert told(desk, one, dimension=None) == 1
    assert told(desk, one, topic=Topic("staging", "churn")) == 1
    accept = partial(
        counting.accept_flush, told=ToldDrift(topic=CHURN, version="2", dimension="", flush=one)
    )
    source = desk.warden.view(SYSTEM, accept).source
    assert source == Source("churn@2", "production", REST, "system:test", one.instance)
    assert counts({"eu": like_before()}) == one.counts


def test_two_servers_that_hear_the_same_at_once_count_it_once(desk: Desk) -> None:
    made = [
        flush({"eu": like_before(100), None: like_before(100)}, minute=now(desk)) for _ in range(20)
    ]

    def accept(view: View) -> list[counting.Counted]:
        return [
            counting.accept_flush(
                view, ToldDrift(topic=CHURN, version="2", dimension="region", flush=one)
            )
            for one in made
        ]

    counted = desk.warden.view(SYSTEM, accept)
    with Warden(desk.warden.settings) as other, ThreadPoolExecutor(8) as pool:
        servers = (desk.warden, other)
        parts = [(servers[at % 2], counted[at % 5 :: 3]) for at in range(30)]
        parts += [(server, counted[::-1]) for server in servers]
        kept = pool.map(
            lambda part: part[0].telemetry(SYSTEM, partial(counting.keep, found=part[1])), parts
        )
        assert sum(kept) == len(made)
    pass_minutes(desk)
    assert {one.by: one.n for one in windows(desk)} == {"eu": 2_000, None: 2_000}


def test_edges_never_keep_a_switch_from_being_carried(desk: Desk) -> None:
    names = [f"{at:0100d}" for at in range(50)]
    large = {"features": {f"f{at}": {"names": names, "counts": [51] * 51} for at in range(44)}}
    olivia = desk.acting("olivia")
    for label in "abcdef":
        desk.clock.advance(seconds=1)
        olivia.versions.register("churn", label, drift_reference=large)
    switch = desk.stop(model="churn")
    (found,) = built(desk.warden, CHURN)
    body = says(found)
    assert set(body["drift"]["versions"]) == set("cdef")
    assert [each["id"] for each in body["switches"]] == [switch.id]


def test_a_snapshot_without_room_leaves_the_edges_out() -> None:
    contents = Contents(
        topic=CHURN, at=Floor(1, 1), model_type=None, fails="static", dimensions=(), versions=(),
        switches=[{"id": "x" * (MAX_BODY_BYTES - 2_000)}], drift={"by": [], "versions": {"a": "y" * 4_000}},
    )  # fmt: skip
    assert json.loads(contents.encoded())["drift"] is None
