"""What was read of one snapshot serves for the next, and changes nothing of what that one says (SG-19)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import SnapshotRejected
from tests.guard.wire import BLOCK_EU, taken, wire

if TYPE_CHECKING:
    from modelwarden.guard.snapshot import Snapshot

REGIONS = ("eu", "us", "ap")
ASKED = [{}, *({"region": region} for region in REGIONS), {"segment": "new", "region": "eu"}]

SCOPES = st.dictionaries(
    st.sampled_from(["region", "segment", "version", "tenant"]),
    st.one_of(
        st.sampled_from([*REGIONS, "new", "1.4.0"]),
        st.lists(st.sampled_from(REGIONS), min_size=1, max_size=3),
        st.builds(lambda v: {"not_in": [v]}, st.sampled_from(REGIONS)),
        st.builds(lambda v: {"prefix": v}, st.sampled_from(["e", "1."])),
    ),
    max_size=2,
)
SWITCHES = st.builds(
    lambda number, scope, carved, action, held: (
        BLOCK_EU
        | {"id": f"swi_{number}", "scope": scope, "except": carved, "action": action, "held": held}
    ),
    st.integers(0, 9),
    SCOPES,
    SCOPES,
    st.sampled_from(["block", "fallback", "observe", "shout"]),
    st.sampled_from([0, 10_000]),
)
BODIES = st.tuples(st.lists(SWITCHES, max_size=6), st.sampled_from([[], ["tenant"]]))


def says(snapshot: Snapshot) -> list[object]:
    several = [snapshot.switches.match(context) for context in ASKED]
    several += [snapshot.version_switches.match(c | {"version": "1.4.0"}) for c in ASKED]
    # Rows are places in one matcher; the rest is what it says.
    return [match._replace(rows=0) for match in several] + [snapshot.read.live]


@given(st.lists(BODIES, min_size=2, max_size=4))
def test_a_snapshot_says_the_same_whatever_was_held_before(
    bodies: list[tuple[list[dict[str, Any]], list[str]]],
) -> None:
    held = None
    for generation, (switches, dimensions) in enumerate(bodies, 1):
        data = wire(switches=switches, dimensions=dimensions, generation=generation)
        held = taken(data, held=held)
        assert says(held) == says(taken(data))


def numbered(*numbers: int, **fields: object) -> list[dict[str, Any]]:
    return [BLOCK_EU | {"id": f"swi_{n}", "scope": {"region": [f"r{n}"]}} | fields for n in numbers]


@pytest.mark.parametrize(
    "numbers", [range(41), range(1, 40), [*range(20), *range(25, 40)], [39, *range(39)], [0, 0, 1]]
)
def test_only_what_is_new_is_read(numbers: list[int]) -> None:
    held = taken(wire(switches=numbered(*range(40)), generation=1))
    later = taken(wire(switches=numbered(*numbers), generation=2), held=held)
    before = {id(one) for one in held.read.switches}
    assert [one.effect.switch_id for one in later.read.live] == [f"swi_{n}" for n in numbers]
    assert sum(id(one) not in before for one in later.read.switches) == len(
        {*numbers} - {*range(40)}
    )


def test_a_switch_that_moves_is_read_again() -> None:
    held = taken(wire(switches=numbered(*range(5)), generation=1))
    moved = [*numbered(0, 1), *numbered(2, held=0), *numbered(3, 4)]
    later = taken(wire(switches=moved, generation=2), held=held)
    assert [one.effect.switch_id for one in later.read.live] == ["swi_0", "swi_1", "swi_3", "swi_4"]
    back = taken(wire(switches=numbered(*range(5)), generation=3), held=later)
    assert len(back.read.live) == 5


def test_other_dimensions_give_the_same_text_another_meaning() -> None:
    tenant = [BLOCK_EU | {"scope": {"tenant": "acme"}}]
    known = taken(wire(switches=tenant, dimensions=["tenant"], generation=1))
    assert not known.switches.match({"tenant": "other"})
    unknown = taken(wire(switches=tenant, generation=2), held=known)
    assert unknown.switches.match({"tenant": "other"})  # what is not understood holds (SG-17)


def test_the_same_switches_beside_another_route_are_other_rules() -> None:
    held = taken(wire(switches=numbered(1), generation=1))
    later = taken(wire(switches=numbered(1), limits=[1], generation=2), held=held)
    assert later.read is held.read
    assert later.switches is not held.switches  # so calls in flight are matched again (SG-25)
    assert says(later) == says(held)


def test_another_model_type_is_bound_anew() -> None:
    typed = [BLOCK_EU | {"scope": {"model_type": "classifier"}}]
    held = taken(wire(switches=typed, generation=1))
    later = taken(wire(switches=typed, model_type="ranker", generation=2), held=held)
    assert held.switches.match({})
    assert not later.switches.match({})


def test_what_is_not_named_any_more_is_not_kept_for_ever() -> None:
    held = None
    for generation in range(1, 40):
        first = generation * 100
        switches = numbered(*range(first, first + 100))
        held = taken(wire(switches=switches, generation=generation), held=held)
        kept = sum(map(len, held.read.conditions.values()))
        assert kept <= 1_000 + 5 * 100


@pytest.mark.parametrize("spoil", ['"swi_1"', '{"id":"swi_1"', "1", "[]", "null"])
def test_a_switch_that_begins_as_a_known_one_is_no_way_around_reading(spoil: str) -> None:
    held = taken(wire(switches=numbered(1), generation=1))
    switches = [spoil] if spoil.startswith("{") else [json.loads(spoil)]
    with pytest.raises(SnapshotRejected):
        taken(wire(switches=switches, generation=2), held=held)
