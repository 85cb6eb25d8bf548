"""Ensembles behind a guard: joined where members agree; what lies apart falls back and is counted (SG-45)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwarden.errors import ValueInvalid
from modelwarden.guard.batch import Batch
from modelwarden.guard.contract import Contract, Kind, probability
from modelwarden.guard.decision import Decision, Status
from modelwarden.guard.fallback import Default, LastKnownGood
from modelwarden.guard.told import counted
from tests.guard.hosts import from_file
from tests.guard.test_batch_by_row import SWITCHES, drill
from tests.guard.wire import BLOCK_EU

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.guard.guard import Guard

NAN = float("nan")


def one(guard: Guard, answers: dict[str, Any], **options: Any) -> Decision:
    found = guard.ensemble(answers, **({"limit": 0.2} | options))
    assert isinstance(found, Decision)
    return found


def many(guard: Guard, answers: dict[str, Any], **options: Any) -> Batch:
    found = guard.ensemble(answers, **({"limit": 0.2} | options))
    assert isinstance(found, Batch)
    return found


def signals(guard: Guard) -> list[dict[str, Any]]:
    told = guard.status()["signals"]
    assert isinstance(told, list)
    return told


def test_members_that_agree_are_joined_and_others_fall_back(tmp_path: Path) -> None:
    with from_file(tmp_path, outputs=probability(), fallback=[Default(0.7)]) as guard:
        good = one(guard, {"a": 0.4, "b": 0.5})
        assert (good.value, good.status) == (pytest.approx(0.45), Status.OK)
        assert guard.last() == good
        apart = one(guard, {"a": 0.1, "b": 0.9})
        assert (apart.value, apart.status, apart.reasons) == (
            0.7,
            Status.DEFAULT,
            ("disagreement",),
        )
        assert one(guard, {"a": 0.5, "b": None, "c": ValueError()}).reasons == ("disagreement",)
        assert one(guard, {"a": 0.5, "b": NAN, "c": 0.6}).value == pytest.approx(0.55)
        clipped = one(guard, {"a": 1.4, "b": 1.5})
        assert (clipped.value, clipped.status) == (1.0, Status.CLIPPED)
        assert counted(guard._parts)["disagreement"] == 2


def test_a_switch_goes_before_and_is_no_disagreement(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}, fallback=[Default(0.7)]) as guard:
        apart = {"a": 0.1, "b": 0.9}
        assert one(guard, apart, context={"region": "eu"}).reasons == ("switched_off",)
        batch = many(guard, {n: [v, v] for n, v in apart.items()}, context={"region": ["eu", "us"]})
        assert batch.reasons == {0: "switched_off", 1: "disagreement"}
        assert batch.status.tolist() == [Status.BLOCKED, Status.DEFAULT]
        assert counted(guard._parts)["disagreement"] == 1


def test_what_was_joined_is_remembered_and_answers_later(tmp_path: Path) -> None:
    with from_file(tmp_path, fallback=[LastKnownGood()]) as guard:
        assert one(guard, {"a": 0.4, "b": 0.4}, key="c-1").status is Status.OK
        later = one(guard, {"a": 0.1, "b": 0.9}, key="c-1")
        assert (later.value, later.status) == (0.4, Status.LAST_KNOWN_GOOD)
        assert one(guard, {"a": 0.1, "b": 0.9}, key="c-2").status is Status.BLOCKED
        batch = many(guard, {"a": [0.1, 0.3], "b": [0.9, 0.3]}, key=["c-1", "c-2"])
        assert batch.values == pytest.approx([0.4, 0.3])


def test_votes_are_joined_by_weight(tmp_path: Path) -> None:
    words = Contract(kind=Kind.LABEL, labels=("yes", "no"))
    with from_file(tmp_path, outputs=words, fallback=[Default("no")]) as guard:
        asked: dict[str, Any] = {"metric": "vote_entropy", "limit": 0.9, "weights": {"a": 3}}
        assert one(guard, {"a": "yes", "b": "no"}, **asked).value == "yes"
        assert one(guard, {"a": "yes", "b": "no"}, metric="vote_entropy", limit=0.5).value == "no"
        batch = many(
            guard, {"a": ["yes", "no"], "b": ["yes", "yes"]}, metric="vote_entropy", limit=0.5
        )
        assert list(batch.values) == ["yes", "no"]
        assert batch.reasons == {1: "disagreement"}


def test_a_member_that_failed_whole_is_left_out_of_a_batch(tmp_path: Path) -> None:
    with from_file(tmp_path, fallback=[Default(0.7)]) as guard:
        columns = {"a": np.array([0.4, 0.1]), "b": np.array([0.4, 0.9]), "c": RuntimeError()}
        assert many(guard, columns).values.tolist() == pytest.approx([0.4, 0.7])
        alone = many(guard, {"a": np.array([0.4, 0.1]), "b": None})
        assert alone.reasons == {0: "disagreement", 1: "disagreement"}


def test_more_than_a_tenth_apart_is_a_signal_once_there_is_enough(tmp_path: Path) -> None:
    ways: list[Callable[[Guard, int, float], object]] = [
        lambda guard, n, b: [one(guard, {"a": 0.1, "b": b}) for _ in range(n)],
        lambda guard, n, b: many(guard, {"a": np.full(n, 0.1), "b": np.full(n, b)}),
    ]
    for number, ask in enumerate(ways):
        folder = tmp_path / str(number)
        folder.mkdir()
        with from_file(folder, fallback=[Default(0.5)]) as guard:
            ask(guard, 20, 0.9)
            ask(guard, 179, 0.1)
            assert signals(guard) == []  # too few to say
            ask(guard, 1, 0.1)
            assert signals(guard) == []  # a tenth, no more
            ask(guard, 3, 0.9)
            (found,) = signals(guard)
            assert (found["signal"], found["n"]) == ("disagreement", 203)
            assert found["value"] == pytest.approx(23 / 203, abs=1e-6)
            assert counted(guard._parts)["disagreement"] == 23


def test_a_drill_lets_an_ensemble_disagree(tmp_path: Path) -> None:
    body = {"switches": [], "faults": [drill("disagree", share=10_000)]}
    with from_file(tmp_path, body=body, drills=True, fallback=[Default(0.5)]) as guard:
        found = one(guard, {"a": 0.4, "b": 0.4})
        assert (found.value, found.reasons, found.drill) == (0.5, ("disagreement",), True)
        batch = many(guard, {"a": [0.4] * 4, "b": [0.4] * 4})
        assert batch.reasons == dict.fromkeys(range(4), "disagreement")
        assert batch.drill.all()
        assert counted(guard._parts)["disagreement"] == 5
        assert counted(guard._parts)["drilled_fell"] == 5


def test_what_means_nothing_is_refused(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        wrongs: list[dict[str, Any]] = [
            {"limit": -1}, {"limit": NAN}, {"metric": "mode"}, {"weights": {"a": -1}}, {"context": {"model": "x"}},
        ]  # fmt: skip
        for wrong in wrongs:
            with pytest.raises(ValueInvalid):
                guard.ensemble({"a": 0.1, "b": 0.2}, **({"limit": 0.2} | wrong))
        assert one(guard, {}).reasons[0] == "disagreement"


CELLS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5, NAN, math.inf])


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(
            CELLS, CELLS, CELLS, st.sampled_from(["us", "eu", "asia", None]), st.sampled_from(["c-1", "c-2", "c-3"])
        ),
        min_size=1,
        max_size=10,
    ),
    fault=st.sampled_from(["disagree", "nan", "error"]),
)  # fmt: skip
def test_a_batch_is_its_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], fault: str
) -> None:
    body = {"switches": SWITCHES, "faults": [drill(fault)]}
    options: dict[str, Any] = {
        "body": body, "drills": True, "outputs": probability(), "fallback": [Default(0.75)],
    }  # fmt: skip
    with (
        from_file(tmp_path_factory.mktemp("batch"), **options) as whole,
        from_file(tmp_path_factory.mktemp("rows"), **options) as single,
    ):
        a, b, c, region, key = map(list, zip(*rows, strict=True))
        batch = many(
            whole, {"a": a, "b": b, "c": c}, limit=0.5, key=key, context={"region": region}
        )
        alone = [
            one(single, {"a": x, "b": y, "c": z}, limit=0.5, key=k, context={"region": r})
            for x, y, z, r, k in rows
        ]
        assert batch.status.tolist() == [int(each.status) for each in alone]
        assert [batch.reasons.get(n) for n in range(len(rows))] == [
            next(iter(each.reasons), None) for each in alone
        ]
        assert batch.drill.tolist() == [each.drill for each in alone]
        assert [None if math.isnan(v) else v for v in batch.values.tolist()] == pytest.approx(
            [each.value for each in alone]
        )
        assert counted(whole._parts) == counted(single._parts)
