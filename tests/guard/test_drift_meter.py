"""A guard counts the features of its calls where the snapshot has edges, and tells each count once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import polars as pl
import pytest

import modelwarden as mw
from modelwarden.guard.contract import Contract, inputs
from modelwarden.guard.drift_edges import encode_edges, read_reference
from modelwarden.guard.drift_flush import Received, read_parsed
from modelwarden.guard.drift_sender import MAX_BYTES
from modelwarden.guard.guard import Guard
from modelwarden.guard.limits import Limits
from modelwarden.guard.place import outputs_of
from tests.guard.hosts import QUICK, soon
from tests.house.source import ROOT, SRC
from tests.services.snapshot_server import SnapshotServer, signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFERENCE: Final = read_reference(
    mw.drift_reference(
        {
            "age": [float(at % 100) for at in range(2_000)],
            "plan": ["basic", "plus", "pro", "free"] * 500,
        }
    )
)
EDGES: Final = encode_edges(REFERENCE.edges)
DRIFT: Final = {"by": ["region"], "versions": {"1.4.0": EDGES}}
NEVER: Final = replace(QUICK, drift_s=3_600.0)
BUSY: Final = replace(QUICK, drift_s=0.05)
YOUNG: Final = {"age": 20.0, "plan": "pro"}


def scored(features: object, region: object = None) -> float:
    """Stand for a model: what it is given matters to the guard alone."""
    return 0.4 if (features, region) else 0.5


def priced(age: float, income: float) -> float:
    return 0.4 if (age, income) else 0.5


@contextmanager
def counting(
    folder: Path, *, pace: Any = NEVER, drift: Any = DRIFT, **fields: Any
) -> Iterator[tuple[SnapshotServer, Guard]]:
    server = SnapshotServer()
    server.wire = signed(server.key, switches=fields.pop("switches", []), drift=drift, **fields)
    with server.running():
        guard = Guard(server.url, "churn", init_wait=20.0, state_dir=folder, pace=pace)
        soon(lambda: guard.is_ready)
        try:
            yield server, guard
        finally:
            guard.close()


def told(server: SnapshotServer) -> dict[tuple[str, str | None, str], list[int]]:
    """Return what the server counts: by dimension, value and feature, repeats left out."""
    known: dict[tuple[str, str], Received] = {}
    found: dict[tuple[str, str | None, str], list[int]] = {}
    for post in server.flushes:
        flush = read_parsed(post["flush"])
        flush.counts.check(REFERENCE.edges)
        source = (flush.instance, str(post["dimension"]))
        after = known.get(source, Received()).after(flush.sequence)
        if after is None:
            continue
        known[source] = after
        for (by, feature), cells in flush.counts.cells:
            key = (str(post["dimension"]), by, feature)
            before = found.get(key, [0] * len(cells))
            found[key] = [a + b for a, b in zip(before, cells, strict=True)]
    return found


def test_a_tenth_of_single_calls_is_counted_by_region_and_told_when_the_guard_closes(
    tmp_path: Path,
) -> None:
    with counting(tmp_path) as (server, guard):
        predict = guard.protect(scored, low=0.0, high=1.0, version="1.4.0", returns="value")
        for at in range(8_000):
            assert predict(YOUNG, region=("eu", " EU", "us")[at % 3]) == 0.4
        (site,) = (site for site in guard._parts.sites if site.place.version)
        assert site.ready[1] > 0.0  # the short way stays open
        assert guard.status()["counts"]["drift_faults"] == 0  # type: ignore[index]
    found = told(server)
    assert {key[:2] for key in found} == {("region", "eu"), ("region", "us")}
    assert set(found) == {("region", by, name) for by in ("eu", "us") for name in ("age", "plan")}
    rows = Counter({by: sum(found["region", by, "age"]) for by in ("eu", "us")})
    assert 500 < rows.total() < 1_200
    assert rows["eu"] > rows["us"]
    assert found["region", "us", "plan"] == [0, 0, 0, rows["us"], 0]
    assert {(post["model"], post["environment"], post["version"]) for post in server.flushes} == {
        ("churn", "production", "1.4.0")
    }


def test_no_feature_of_a_row_stands_in_what_is_told(tmp_path: Path) -> None:
    with counting(tmp_path) as (server, guard):
        predict = guard.protect(scored, version="1.4.0")
        for _ in range(500):
            predict({"age": 20.125, "plan": "dave@example.org", "name": "Dave"})
    text = json.dumps(server.flushes)
    assert server.flushes
    assert not any(word in text for word in ("20.125", "dave@example.org", "Dave"))


@pytest.mark.parametrize(
    "kind", [dict, pd.DataFrame, pl.DataFrame], ids=["dict", "pandas", "polars"]
)
def test_a_batch_is_counted_whole_by_the_regions_of_its_rows(tmp_path: Path, kind: Any) -> None:
    table = kind({"age": np.full(900, 20.0), "plan": ["pro"] * 900, "more": range(900)})
    regions = np.array(["eu", "EU ", "us"] * 300)
    with counting(tmp_path) as (server, guard):
        answers = np.full(900, 0.4)
        guard.batch(answers, features=table, context={"region": regions}, version="1.4.0")
        guard.batch(answers, features=table, context={"region": "apac"}, version="1.4.0")
        guard.bind(region="latam").batch(answers, features=table, version="1.4.0")
        guard.batch(answers, features=table, version="9")
        guard.batch(answers, features=3, version="1.4.0")
        assert guard.status()["counts"]["drift_faults"] == 1  # type: ignore[index]
    found = told(server)
    rows = {by: sum(cells) for (_, by, feature), cells in found.items() if feature == "age"}
    assert rows == {"eu": 600, "us": 300, "apac": 900, "latam": 900}


def test_parameters_that_are_named_like_features_are_counted_and_others_left_open(
    tmp_path: Path,
) -> None:
    with counting(tmp_path) as (server, guard):
        predict = guard.protect(priced, version="1.4.0")
        for _ in range(2_000):
            predict(20.0, 3)
    found = told(server)
    assert set(found) == {("region", None, "age")}
    assert sum(found["region", None, "age"]) > 50


@pytest.mark.parametrize(
    "features",
    [
        None,
        3.0,
        [1.0, 2.0],
        {"age": [1.0, 2.0]},
        {"age": np.zeros(3)},
        pd.DataFrame({"age": [1.0]}),
    ],
    ids=["none", "number", "list", "columns", "array", "frame"],
)
def test_what_is_no_row_is_not_counted(tmp_path: Path, features: Any) -> None:
    with counting(tmp_path) as (server, guard):
        predict = guard.protect(scored, version="1.4.0")
        for _ in range(300):
            predict(features)
        guard.validate(0.4, region="eu")
        assert guard.status()["counts"]["drift_faults"] == 0  # type: ignore[index]
    assert told(server) == {}


class Hostile:
    def __float__(self) -> float:
        raise SystemError

    def __eq__(self, other: object) -> bool:
        raise SystemError

    def __hash__(self) -> int:
        raise SystemError


def test_values_of_any_kind_are_missing_or_other_and_harm_nobody(tmp_path: Path) -> None:
    odd = [
        float("nan"),
        float("inf"),
        None,
        "text",
        b"bytes",
        Hostile(),
        10**400,
        True,
        "x" * 10**5,
    ]
    with counting(tmp_path) as (server, guard):
        predict = guard.protect(scored, version="1.4.0")
        for at in range(3_000):
            value = odd[at % len(odd)]
            assert predict({"age": value, "plan": value}, region=value).value == 0.4
        assert guard.status()["counts"]["faults"] == 0  # type: ignore[index]
    rows = [sum(cells) for (_, _, feature), cells in told(server).items() if feature == "age"]
    assert sum(rows) > 100


def test_inputs_are_counted_while_a_switch_keeps_them_from_their_version(tmp_path: Path) -> None:
    block = {
        "id": "swi_1", "scope": {"model": ["churn"]}, "except": {}, "action": "block", "fallback": None,
        "unknown": "match", "severity": "SEV2", "lkg_before": None, "held": 10_000,
    }  # fmt: skip
    with counting(tmp_path, switches=[block]) as (server, guard):
        predict = guard.protect(scored, version="1.4.0")
        assert {predict(YOUNG).status.name for _ in range(1_000)} == {"BLOCKED"}
    assert sum(told(server)["region", None, "age"]) > 20


@pytest.mark.parametrize(
    "drift",
    [
        None, [], {}, {"versions": None, "by": []}, {"versions": {"1.4.0": {}}, "by": ["a"] * 5},
        {"versions": {"1.4.0": {"age": {"low": "x", "uppers": []}}}, "by": []}, {"versions": {}, "by": "region"},
    ],
    ids=str,
)  # fmt: skip
def test_a_section_that_cannot_be_read_keeps_no_snapshot_out(tmp_path: Path, drift: Any) -> None:
    with counting(tmp_path, drift=drift) as (server, guard):
        predict = guard.protect(scored, version="1.4.0")
        assert {predict(YOUNG).value for _ in range(200)} == {0.4}
    assert server.flushes == []


def test_each_dimension_counts_every_row_and_none_counts_all(tmp_path: Path) -> None:
    for by in (["region", "segment"], []):
        with counting(tmp_path, drift=DRIFT | {"by": by}) as (server, guard):
            guard.batch(
                [0.4] * 600, features={"age": [1.0] * 600, "plan": ["pro"] * 600}, version="1.4.0",
                context={"region": "eu", "segment": ["a", "b"] * 300},
            )  # fmt: skip
        rows = {key[:2]: sum(cells) for key, cells in told(server).items() if key[2] == "age"}
        regions = {("region", "eu"): 600, ("segment", "a"): 300, ("segment", "b"): 300}
        assert rows == (regions if by else {("None", None): 600})


def test_a_flush_is_sent_again_as_it_was_until_it_is_taken(tmp_path: Path) -> None:
    with counting(tmp_path, pace=BUSY) as (server, guard):
        server.behaviour.drift_status = 503
        guard.batch([0.4] * 700, features={"age": [1.0] * 700}, version="1.4.0")
        soon(lambda: len(server.flushes) >= 3)
        server.behaviour.drift_status = 204
        soon(lambda: guard._parts.sender.sent == 1)  # type: ignore[union-attr]
    assert len({json.dumps(post) for post in server.flushes}) == 1
    assert sum(told(server)["region", None, "age"]) == 700


def test_a_flush_that_is_refused_for_good_is_dropped_and_counted(tmp_path: Path) -> None:
    with counting(tmp_path, pace=BUSY) as (server, guard):
        server.behaviour.drift_status = 422
        guard.batch([0.4], features={"age": [1.0]}, version="1.4.0")
        soon(lambda: guard.status()["counts"]["drift_refused"] == 1)  # type: ignore[index]
        assert guard._parts.sender.size_bytes == 0  # type: ignore[union-attr]


def test_what_waits_is_bounded_and_the_oldest_goes(tmp_path: Path) -> None:
    with counting(tmp_path) as (server, guard):
        server.behaviour.drift_status = 503
        sender = guard._parts.sender
        assert sender is not None
        regions = [f"region {at:0190d}" for at in range(32)]
        for _ in range(120):
            guard.batch(
                [0.4] * 32, features={"age": [1.0] * 32, "plan": ["pro"] * 32}, version="1.4.0",
                context={"region": regions},
            )  # fmt: skip
            sender.gather()
            assert sender.size_bytes <= MAX_BYTES
        assert guard.status()["counts"]["drift_dropped"] == sender.dropped > 0  # type: ignore[index]


def test_counts_go_on_where_a_new_snapshot_has_the_same_edges_and_others_are_told_a_last_time(
    tmp_path: Path,
) -> None:
    other = {"1.4.0": {"age": EDGES["age"]}}
    with counting(tmp_path) as (server, guard):
        table = {"age": [1.0] * 10, "plan": ["pro"] * 10}
        for generation, versions in ((1841, DRIFT["versions"]), (1842, other)):
            guard.batch([0.4] * 10, features=table, version="1.4.0")
            server.serve(
                generation=generation, switches=[], drift={"by": ["region"], "versions": versions}
            )
            soon(lambda wanted=generation: guard.status()["generation"] == wanted)  # type: ignore[misc]
        guard.batch([0.4] * 10, features=table, version="1.4.0")
    digests = Counter(post["flush"]["edges"] for post in server.flushes)
    assert digests[REFERENCE.edges.sha256] == 1
    assert len(digests) == 2


def test_a_guard_that_reads_a_file_counts_nothing(tmp_path: Path) -> None:
    server = SnapshotServer()
    path = tmp_path / "snapshot.json"
    path.write_bytes(signed(server.key, switches=[], drift=DRIFT))
    guard = Guard(
        path, "churn", keys=server.key.public.pem, state_dir=tmp_path, pace=QUICK, init_wait=20.0
    )
    guard.batch([0.4], features={"age": [1.0]}, version="1.4.0")
    assert list(guard._parts.drift.all()) == []
    guard.close()


CHILD: Final = """
import os, sys
from tests.guard.test_drift_meter import BUSY, Guard, soon
guard = Guard(sys.argv[1], "churn", init_wait=20.0, state_dir=sys.argv[2], pace=BUSY)
count = lambda rows: guard.batch([0.4] * rows, features={"age": [1.0] * rows}, version="1.4.0")
soon(lambda: guard.is_ready)
count(1000)
pid = os.fork()
if pid == 0:
    count(50)
    guard.close()
    os._exit(0)
os.waitpid(pid, 0)
count(200)
guard.close()
"""


def test_a_forked_child_counts_for_itself_under_another_name(tmp_path: Path) -> None:
    server = SnapshotServer()
    server.wire = signed(server.key, switches=[], drift=DRIFT)
    with server.running():
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", CHILD, server.url, str(tmp_path)],
            check=True, timeout=120, cwd=ROOT, env={"PYTHONPATH": f"{SRC}:{ROOT}", "PATH": ""},
        )  # fmt: skip
    assert sum(told(server)["region", None, "age"]) == 1_250
    instances = Counter[str]()
    for post in server.flushes:
        instances[post["flush"]["instance"]] += sum(post["flush"]["counts"][0]["cells"])
    assert sorted(instances.values()) == [50, 1_200]


# --- signals --------------------------------------------------------------------------------------------


def signals(guard: Guard) -> dict[str, Any]:
    found: Any = guard.status()["signals"]
    return {one["signal"]: (one["n"], one["value"]) for one in found}


def test_too_many_clipped_answers_are_a_signal_and_too_few_calls_say_nothing(
    tmp_path: Path,
) -> None:
    with counting(tmp_path) as (server, guard):
        predict = guard.protect(lambda value: value, low=0.0, high=1.0, version="1.4.0")
        for at in range(199):
            predict(1.5 if at % 10 == 0 else 0.5)
        assert signals(guard) == {}
        predict(0.5)
        assert signals(guard) == {"clip_rate": (200, 0.1)}
        soon(lambda: any(one["signals"] for one in server.reports))
    (told_signal,) = next(one["signals"] for one in server.reports if one["signals"])
    assert told_signal["signal"] == "clip_rate"
    assert told_signal["since"].endswith("Z")


def test_clipped_rows_of_a_batch_are_a_signal(tmp_path: Path) -> None:
    server = SnapshotServer()
    server.wire = signed(server.key, switches=[])
    with server.running():
        guard = Guard(
            server.url, "churn", init_wait=20.0, state_dir=tmp_path, pace=NEVER,
            outputs=outputs_of(None, 0.0, 1.0, None),
        )  # fmt: skip
        guard.batch(np.array([0.5] * 380 + [1.5] * 20))
        assert signals(guard) == {"clip_rate": (400, 0.05)}
        guard.close()


def test_the_same_answer_to_two_hundred_inputs_is_a_signal_that_another_answer_ends(
    tmp_path: Path,
) -> None:
    answer = [0.25]
    with counting(tmp_path) as (_, guard):
        # a place with limits has no short way, so that every answer is seen
        predict = guard.protect(
            lambda value: value and answer[0], version="1.4.0", limits=Limits(max_in_flight=9)
        )  # fmt: skip
        for _ in range(500):
            predict({"age": 1.0})
        assert signals(guard) == {}
        for at in range(250):
            predict({"age": float(at)})
        assert signals(guard) == {"stuck_output": (200, 1.0)}
        answer[0] = 0.5
        predict({"age": 1.0})
        assert signals(guard) == {}


def test_many_bad_inputs_are_a_signal(tmp_path: Path) -> None:
    with counting(tmp_path) as (_, guard):
        predict = guard.protect(
            scored, inputs=inputs({"age": Contract(low=0.0, high=120.0)}), version="1.4.0"
        )  # fmt: skip
        for at in range(300):
            predict({"age": 500.0 if at % 10 == 0 else 40.0})
        assert signals(guard)["bad_inputs"] == (300, 0.1)
