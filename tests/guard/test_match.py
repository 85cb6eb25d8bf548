"""The compiled matcher answers as the naive one does, whatever the switches and contexts (SG-4, SG-5, SG-17)."""

from __future__ import annotations

from enum import StrEnum
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ValueInvalid
from modelwarden.guard.bitmaps import SLICE
from modelwarden.guard.compiled import at_once, compile_switches, compiling, reading
from modelwarden.guard.match import MOST_IDS, NOTHING, REMEMBERED, Match, joined
from modelwarden.guard.router import bucket
from modelwarden.guard.switch import Action
from tests.guard import naive

DIMENSIONS = ("region", "version", "segment", "tenant")
CONFIGURED = ("tenant",)
SALT = bytes(range(16))

# Few letters, so that they meet: both forms of é, letters that fold to others or to two, a ligature.
LETTERS = "eEéÉe\u0301sßSẞiIİ\u0131kK\u212aΣ\u03c3ςﬁé1. -"
INVISIBLE = ["\u200b", "\x00", "\u202e", "\ud800", "\xa0", "\t", "\n", "\u3000"]

named = st.one_of(
    st.sampled_from(
        ["eu", "EU", "é", "e\u0301", "É", "1.4.0", "1.4", "1.", "ß", "ss", "vip", "17"]
    ),
    st.text(alphabet=LETTERS, min_size=1, max_size=4),
    st.text(max_size=3),
    st.sampled_from(["x" * 200, "x" * 201, "é" * 200, "e\u0301" * 200, " eu ", "", *INVISIBLE]),
)
given_values = st.one_of(
    named,
    st.none(),
    st.integers(-20, 20),
    st.booleans(),
    st.floats(),
    st.binary(max_size=2),
    st.lists(st.just("eu"), max_size=2),
    st.builds(lambda a, b: a + b, named, st.sampled_from(INVISIBLE)),
    st.builds(lambda text, times: text * times, named, st.sampled_from([1, 60, 300, 5_000])),
    st.sampled_from([10**400, 2**4096, -(2**4096), 2**4095, 1.0, (), object(), "x" * 200 + " x"]),
)
conditions = st.one_of(
    named,
    st.lists(named, max_size=4),
    st.fixed_dictionaries({"not_in": st.lists(named, max_size=4)}),
    st.fixed_dictionaries({"prefix": named}),
    st.sampled_from(
        [None, 7, {}, {"regex": "e.*"}, {"prefix": 1}, {"not_in": "eu"}, ["eu", 7], ["eu", None],
         {"not_in": ["eu"], "prefix": "e"}, {"all": True}],
    ),
)  # fmt: skip
scopes = st.dictionaries(st.sampled_from([*DIMENSIONS, "hour", "Region"]), conditions, max_size=3)
fallbacks = st.one_of(
    st.none(), st.just("chain"), st.lists(st.sampled_from(["lkg", "base", "zero"]), max_size=3),
)  # fmt: skip


def switch(number: int, **fields: object) -> dict[str, Any]:
    """Return a switch as it stands in a snapshot body."""
    given = {"scope": {}, "except": {}, "action": "block", "fallback": None, "unknown": "match"}
    return {"id": f"swi_{number:04}", **given, **fields}


switches = st.lists(
    st.fixed_dictionaries(
        {
            "scope": scopes,
            "except": scopes,
            "action": st.sampled_from(["block", "fallback", "observe", "explode"]),
            "fallback": fallbacks,
            "unknown": st.sampled_from(["match", "pass", "perhaps"]),
            "held": st.sampled_from([10_000, 10_000, 10_000, 0]),
        }
    ),
    max_size=12,
).map(lambda many: [switch(number, **fields) for number, fields in enumerate(many)])
contexts = st.dictionaries(st.sampled_from([*DIMENSIONS, "hour", "noise"]), given_values)


def told(found: Match) -> tuple[int, list[str], tuple[str, ...] | None, set[str]]:
    return int(found.action), list(found.switches), found.steps, set(found.missing)


@given(switches, st.lists(contexts, min_size=1, max_size=6))
def test_compiled_is_naive(many: list[dict[str, Any]], asked: list[dict[str, object]]) -> None:
    matcher = compile_switches(many, configured=CONFIGURED)
    for context in [*asked, *asked]:  # the second time from memory
        expected = naive.match(many, context, CONFIGURED)
        assert told(matcher.match(context)) == expected


@given(switches, contexts, st.sets(st.sampled_from([*DIMENSIONS, "noise"])))
def test_bound_is_unbound(
    many: list[dict[str, Any]], context: dict[str, object], settled: set[str]
) -> None:
    matcher = compile_switches(many, configured=CONFIGURED)
    bound = matcher.bind(**{name: context.get(name) for name in settled})
    rest = {name: value for name, value in context.items() if name not in settled}
    assert told(bound.match(rest)) == told(matcher.match(context))
    contradicting = rest | dict.fromkeys(settled, "eu")
    assert told(bound.match(contradicting)) == told(matcher.match(context))


@given(switches, contexts, st.permutations([*DIMENSIONS, "noise"]), st.integers(0, 5))
def test_values_in_order_are_a_context(
    many: list[dict[str, Any]], context: dict[str, object], order: list[str], kept: int
) -> None:
    matcher = compile_switches(many, configured=CONFIGURED)
    order = order[:kept]
    over = matcher.over(*order)
    given_here = {name: context.get(name) for name in order}
    found = over.match_values(tuple(given_here.values()))
    assert told(found) == told(matcher.match(given_here))
    assert told(over.match(given_here)) == told(found)


@given(switches, contexts)
def test_two_matchers_joined_are_one(
    many: list[dict[str, Any]], context: dict[str, object]
) -> None:
    read = at_once(reading(many, configured=CONFIGURED))
    early = at_once(compiling([one for one in read if not one.names("version")]))
    late = at_once(compiling([one for one in read if one.names("version")]))
    both = joined(early.match(context), late.match(context))
    whole = told(at_once(compiling(read)).match(context))
    action, ids, steps, missing = told(both)
    assert (action, ids, missing) == (whole[0], whole[1], whole[3])
    assert (set(steps or ()), steps is None) == (set(whole[2] or ()), whole[2] is None)


@given(
    st.lists(st.tuples(fallbacks, st.sampled_from(["fallback", "fallback", "observe"])), max_size=5)
)
def test_fallbacks_are_joined_to_the_steps_that_all_allow(
    many: list[tuple[object, str]],
) -> None:
    those = [
        switch(n, action=action, fallback=fallback) for n, (fallback, action) in enumerate(many)
    ]
    matcher = compile_switches(those)
    assert told(matcher.match({})) == naive.match(those, {})


@pytest.mark.parametrize(
    ("given_steps", "action", "steps"),
    [
        (["chain", "chain"], Action.FALLBACK, None),
        (["chain", ["a", "b"]], Action.FALLBACK, ("a", "b")),
        ([["b", "a"], ["a", "b"], "chain"], Action.FALLBACK, ("b", "a")),
        ([["a", "b"], ["b", "c"], ["c", "b"]], Action.FALLBACK, ("b",)),
        ([["a", "b"], ["b", "c"], ["c", "a"]], Action.BLOCK, ()),
        ([["a"], ["b"]], Action.BLOCK, ()),
        (["chain", None], Action.BLOCK, ()),
        (["chain", []], Action.BLOCK, ()),
        (["chain", "shout"], Action.BLOCK, ()),
        (["chain", ["a", 7]], Action.BLOCK, ()),
    ],
    ids=count(),
)
def test_two_fallbacks_leave_their_common_steps_or_block(
    given_steps: list[object], action: Action, steps: tuple[str, ...] | None
) -> None:
    those = [switch(n, action="fallback", fallback=s) for n, s in enumerate(given_steps)]
    found = compile_switches(those).match({})
    assert (found.action, found.steps) == (action, steps)


def test_a_missing_region_never_slips_past_a_block() -> None:
    matcher = compile_switches(
        [switch(1, scope={"region": ["eu"]}, **{"except": {"segment": "vip"}})]
    )
    for region in (None, "", "  ", "e\u200bu", "eu\x00", b"eu", 3.5, ["eu"], True):
        found = matcher.match({"region": region, "segment": "plain"})
        assert (found.action, found.missing) == (Action.BLOCK, ("region",)), region
    assert matcher.match({"region": "eu"}).action is Action.BLOCK
    assert matcher.match({"region": "eu", "segment": "vip"}) is NOTHING
    assert matcher.match({"region": "us"}) is NOTHING


@pytest.mark.parametrize("region", ["EU", " eu", "eU\n", "eu"])
def test_odd_case_and_space_of_a_region_are_the_region(region: str) -> None:
    assert compile_switches([switch(1, scope={"region": "Eu"})]).match({"region": region})


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Île", "I\u0302LE"),
        ("straße", "STRASSE"),
        ("ΣΑΣ", "σας"),
        ("K", "\u212a"),
        ("ﬁ", "FI"),
        ("\u1fb4", "\u03b1\u0345\u0301"),
    ],
)
def test_unicode_forms_of_a_region_are_the_region(written: str, asked: str) -> None:
    for one, other in ((written, asked), (asked, written)):
        assert compile_switches([switch(1, scope={"region": one})]).match({"region": other})


def test_other_dimensions_keep_their_case() -> None:
    matcher = compile_switches([switch(1, scope={"segment": "VIP"})])
    assert matcher.match({"segment": "VIP"})
    assert matcher.match({"segment": "vip"}) is NOTHING


def test_numbers_that_are_equal_are_not_confused() -> None:
    matcher = compile_switches([switch(1, scope={"consumer": {"not_in": ["1"]}}, unknown="pass")])
    for _ in range(2):
        assert matcher.match({"consumer": 1}) is NOTHING
        assert matcher.match({"consumer": 2})
        assert matcher.match({"consumer": True}) is NOTHING  # missing, and told to pass
    strict = compile_switches([switch(1, scope={"consumer": "2"})])
    for _ in range(2):
        assert strict.match({"consumer": 1}) is NOTHING
        assert strict.match({"consumer": True})
        assert strict.match({"consumer": 1.0})
        assert strict.match({"consumer": 2})


def test_members_of_an_enum_are_their_text() -> None:
    class Region(StrEnum):
        EU = "eu"
        US = "us"

    matcher = compile_switches([switch(1, scope={"region": "eu"})])
    assert matcher.match({"region": Region.EU})
    assert matcher.match({"region": Region.US}) is NOTHING


def test_an_unknown_dimension_blocks_even_where_missing_values_pass() -> None:
    found = compile_switches(
        [switch(1, scope={"hour": ["9"]}, action="observe", unknown="pass")]
    ).match({"hour": "10"})
    assert found.action is Action.BLOCK


def test_a_large_list_is_matched_to_its_last_value() -> None:
    values = [f"consumer-{number}" for number in range(20_000)]
    matcher = compile_switches(
        [
            switch(1, scope={"consumer": values}),
            switch(2, scope={"consumer": {"not_in": values}}),
            switch(3, scope={"consumer": {"prefix": "consumer-1"}}),
        ]
    )
    assert matcher.match({"consumer": "consumer-19999"}).switches == ("swi_0001", "swi_0003")
    assert matcher.match({"consumer": "consumer-29999"}).switches == ("swi_0002",)
    assert matcher.match({"consumer": "consumer-20000"}).switches == ("swi_0002",)
    assert matcher.match({"consumer": "consumer-1x"}).switches == ("swi_0002", "swi_0003")


def test_more_contexts_than_are_remembered_are_answered_alike() -> None:
    matcher = compile_switches([switch(1, scope={"consumer": "c-7", "region": "eu"})])
    asked = [{"consumer": f"c-{n}", "region": "eu"} for n in range(2 * REMEMBERED + 100)]
    for _ in range(2):
        assert [n for n, one in enumerate(asked) if matcher.match(one)] == [7]
    assert len(matcher._memo.kept) <= REMEMBERED
    assert all(len(one.known) <= REMEMBERED + 3 for one in matcher._memo.tables)


def test_matches_of_many_switches_are_answered_alike_and_not_all_kept() -> None:
    many = 1_000
    matcher = compile_switches([switch(n, scope={"consumer": f"c-{n}"}) for n in range(many)])
    everything = tuple(f"swi_{n:04}" for n in range(many))
    over = matcher.over("consumer", "region")
    for number in range(300):
        assert matcher.match({"region": f"r-{number}"}).switches == everything
        assert over.match_values((f"c-{number}", "eu")).switches == (f"swi_{number:04}",)
    regional = compile_switches(
        [switch(n, scope={"consumer": f"c-{n}", "region": {"not_in": ["x"]}}) for n in range(many)]
    )
    for number in range(300):
        assert regional.match({"region": f"r-{number}"}).switches == everything
    assert sum(len(one.switches) for one in regional._memo.kept.values()) <= MOST_IDS + many


def test_compiling_stops_often_and_may_be_interleaved() -> None:
    lists = [[f"c-{n}-{k}" for k in range(200)] for n in range(100)]
    many = [switch(n, scope={"consumer": values}) for n, values in enumerate(lists)]
    steps, found = [reading(many), reading(many[:50])], []
    counts = [0, 0]
    while steps:
        for place, one in enumerate(list(steps)):
            try:
                next(one)
                counts[place] += 1
            except StopIteration as stop:
                steps.remove(one)
                found.append(stop.value)
    assert counts[0] >= 20_000 / (SLICE + 201)
    assert [len(one) for one in found] == [50, 100]
    stops = sum(1 for _ in compiling(found[1]))
    assert stops >= 20_000 / (SLICE + 201)
    assert at_once(compiling(found[1])).match({"consumer": "c-99-199"}).switches == ("swi_0099",)


def test_the_whole_environment_stops_without_any_context() -> None:
    found = compile_switches([switch(1)]).match({})
    assert (found.action, found.missing) == (Action.BLOCK, ())
    assert found.diverts
    assert found


def test_nothing_is_false_and_diverts_nothing() -> None:
    assert not NOTHING
    assert not NOTHING.diverts
    observed = compile_switches([switch(1, action="observe")]).match({})
    assert observed
    assert not observed.diverts


def test_the_earliest_moment_of_those_that_act_counts() -> None:
    moments = ["2026-01-02T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z", None]
    acting = [switch(n, lkg_before=moment) for n, moment in enumerate(moments)]
    watching = switch(9, action="observe", lkg_before="2025-01-01T00:00:00.000000Z")
    assert compile_switches([*acting, watching]).match({}).lkg_before == moments[1]
    assert compile_switches([switch(1, lkg_before="yesterday")]).match({}).lkg_before == ""


def test_a_ramp_lets_callers_go_by_key() -> None:
    ramped = switch(1, scope={"region": "eu"}, held=4_000, salt=SALT.hex())
    matcher = compile_switches([ramped, switch(2, scope={"region": "us"})])
    found = matcher.match({"region": "eu"})
    assert found.is_ramped
    held = [key for key in range(2_000) if matcher.for_key(found, key)]
    assert held == [key for key in range(2_000) if (bucket(key, SALT) or 0) < 4_000]
    assert matcher.for_key(found, None) == found  # no key: still held
    other = matcher.match({"region": "us"})
    assert matcher.for_key(other, "anybody") is other


@pytest.mark.parametrize(
    "fields", [{"held": 4_000}, {"held": 4_000, "salt": "xy"}, {"held": "0"}, {"held": 0.0},
               {"held": 4_000, "salt": "00"}, {"held": 20_000, "salt": "00" * 16}]
)  # fmt: skip
def test_a_ramp_that_cannot_be_read_holds_everybody(fields: dict[str, object]) -> None:
    matcher = compile_switches([switch(1, **fields)])
    assert all(matcher.for_key(matcher.match({}), key) for key in range(50))


def test_a_version_that_is_named_is_known() -> None:
    matcher = compile_switches(
        [
            switch(1, scope={"version": {"prefix": "1."}, "region": "eu"}),
            switch(2, scope={"version": "3.0"}, action="observe"),
            switch(3, scope={"region": "us"}),
        ]
    )
    assert matcher.names("version", "1.4.0")
    assert not matcher.names("version", "2.0")
    assert not matcher.names("version", "3.0")  # counting only
    assert not matcher.names("consumer", "x")
    assert not matcher.bind(region="us").names("version", "1.4.0")


@pytest.mark.parametrize(
    "raw", [None, "swi", {}, {"id": "swi"}, {"id": 1, "action": "block", "scope": {}},
            {"id": "swi", "action": 3, "scope": {}}, {"id": "swi", "action": "block", "scope": []},
            {"id": "swi", "action": "block", "scope": {}, "except": [1]}]
)  # fmt: skip
def test_what_is_no_switch_is_refused(raw: object) -> None:
    with pytest.raises(ValueInvalid):
        compile_switches([raw])


ALL_NAMES = (
    "version",
    "model_type",
    "endpoint",
    "segment",
    "region",
    "consumer",
    "use_case",
    "tier",
)


@pytest.mark.parametrize("width", range(1, len(ALL_NAMES) + 1))
def test_any_number_of_dimensions_is_matched_alike(width: int) -> None:
    names = ALL_NAMES[:width]
    many = [
        switch(1, scope=dict.fromkeys(names, "a")),
        *(switch(n + 2, scope={name: f"only-{name}"}) for n, name in enumerate(names)),
        switch(99, scope={names[-1]: {"prefix": "x"}}, **{"except": {names[0]: "spared"}}),
    ]
    matcher = compile_switches(many, configured={"tier"})
    over = matcher.over(*names)
    bound = matcher.bind(**{names[0]: "a"})
    base = dict.fromkeys(names, "a")
    odd = [
        base,
        dict.fromkeys(names, "b"),
        base | {names[-1]: "x1"},
        base | {names[-1]: "\u200b"},
        {},
    ]
    odd += [{k: v for k, v in base.items() if k != name} for name in names]
    odd += [base | {name: f"only-{name}"} for name in names] + [base | {names[0]: "spared"}]
    for context in odd * 2:  # the second time they are remembered
        expected = naive.match(many, context, {"tier"})
        assert told(matcher.match(context)) == expected
        assert told(over.match_values(tuple(context.get(name) for name in names))) == expected
        within = naive.match(many, {**context, names[0]: "a"}, {"tier"})
        assert told(bound.match(context)) == within
    for wrong in (names[1:], (*names, "b")):
        with pytest.raises(ValueError, match="expected the values"):
            over.match_values(wrong)


def test_too_few_values_are_noticed() -> None:
    matcher = compile_switches([switch(1, scope={"region": "eu", "segment": "vip"})])
    with pytest.raises(ValueError, match="expected the values"):
        matcher.match_values(("eu",))
