"""What a guard counts, as Prometheus and OpenTelemetry get it."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from modelwarden.guard.breaker import Thresholds
from modelwarden.guard.fallback import Default
from modelwarden.guard.metrics import Figure, Sample, exposition
from modelwarden.integrations.opentelemetry import COUNTERS, GAUGES, observe, plain_name
from modelwarden.integrations.prometheus import GuardCollector
from tests.guard.hosts import BLOCK_EU, from_file, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.guard.guard import Guard

OF = {"environment": "production", "model": "churn"}
ROUTE = {
    "deployment": "dep_1", "strategy": "canary", "salt": "00" * 16, "by": "key", "stable": "1.4.0",
    "shares": {"1.5.0": 2_500}, "shadow": None,
}  # fmt: skip


def numbers(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what a parser reads, by name and labels beside those that all have."""
    return {
        (one.name, frozenset(one.labels.items() - OF.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def number(text: str, name: str, **labels: str) -> float:
    return numbers(text)[f"modelwarden_guard_{name}", frozenset(labels.items())]


def complaints(text: str) -> Iterator[str]:
    """Yield what a linter of metrics would say: names, HELP and TYPE once and before, counters, units, doubles."""
    typed: dict[str, str] = {}
    helped, seen = set[str](), set[str]()
    for line in text.splitlines():
        mark, kind, *rest = line.split(" ", 3)
        if (mark, kind) == ("#", "HELP"):
            helped.add(rest[0])
            yield from [] if rest[1].endswith(".") else [f"{rest[0]}: no sentence"]
        elif (mark, kind) == ("#", "TYPE"):
            yield from [] if rest[0] in helped - typed.keys() else [f"{rest[0]}: TYPE misplaced"]
            typed[rest[0]] = rest[1]
        else:
            series = line.rpartition(" ")[0]
            if series in seen or re.split(r"[{ ]", line)[0] not in typed:
                yield f"{line}: twice, or without a TYPE"
            seen.add(series)
    yield from (f"{name}: {kind}" for name, kind in typed.items() if not is_well_named(name, kind))


def is_well_named(name: str, kind: str) -> bool:
    """Say whether a name is ours, a counter's exactly if it ends in _total, and of a base unit."""
    return (
        re.fullmatch("modelwarden_guard_[a-z_]+", name) is not None
        and (kind == "counter") == name.endswith("_total")
        and re.search(r"_(milliseconds|ms|minutes|percent|counter|gauge)(_|$)", name) is None
    )


def used(guard: Guard) -> list[Any]:
    """Let a guard see one of each; its places live as long as what is returned."""
    predict = guard.protect(
        lambda value, *, region="us": value, high=1.0, key="value", endpoint='a"b\\c\nd',
        fallback=[Default(0.1)], breaker=Thresholds(least=1),
    )  # fmt: skip
    for value in (0.5, 0.6, 1.5, float("nan")):
        predict(value)
    other = guard.protect(lambda *, region: 0.4, fallback=[])
    other(region=None)
    return [predict, other]


def test_all_is_told_in_text_that_is_well_formed(tmp_path: Path) -> None:
    body = {"switches": [BLOCK_EU], "route": ROUTE}
    with from_file(tmp_path, body=body) as guard:
        places = used(guard)
        text = guard.metrics()
        assert list(complaints(text)) == []
        assert number(text, "decisions_total", status="ok") == 2
        assert number(text, "decisions_total", status="clipped") == 1
        assert number(text, "decisions_total", status="default") == 1
        assert number(text, "decisions_total", status="blocked") == 1
        assert number(text, "fallbacks_total", step="default") == 1
        assert number(text, "unknown_context_total") == 1
        assert number(text, "internal_errors_total") == 0
        assert number(text, "dropped_total", what="report") == 0
        assert number(text, "state", state="fresh") == 1
        assert number(text, "snapshot_generation") == 1840
        assert number(text, "snapshot_age_seconds") >= 0
        assert number(text, "snapshot_apply_seconds") > 0
        assert number(text, "route_share_ratio", version="1.4.0") == 0.75
        assert number(text, "route_share_ratio", version="1.5.0") == 0.25
        assert number(text, "routed_total", why="share") == 0
        assert number(text, "breakers", endpoint='a"b\\c\nd', version="", state="open") == 1
        assert number(text, "breakers", endpoint="", version="", state="closed") == 1
        assert len(places) == 2


def test_nothing_of_a_caller_is_a_label(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        predict = guard.protect(lambda *, customer, region, segment: 0.4, key="customer")
        predict(customer="ada@example.org", region="us", segment="gold-customers")
        text = guard.metrics()
        assert "ada" not in text
        assert "gold" not in text
        assert '"us"' not in text


def test_without_a_snapshot_there_is_no_age_and_the_state_says_so(tmp_path: Path) -> None:
    with from_file(tmp_path, wire=b"{") as guard:
        text = guard.metrics()
        assert list(complaints(text)) == []
        assert number(text, "state", state="none") == 1
        assert number(text, "snapshots_rejected_total") >= 1
        assert "snapshot_age" not in text
        assert "snapshot_generation" not in text


def test_figures_follow_the_snapshot(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "generation": 1}) as guard:
        put(guard, tmp_path, switches=[BLOCK_EU], generation=2)
        assert number(guard.metrics(), "snapshot_generation") == 2


def test_several_guards_are_told_in_one_text(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with from_file(tmp_path) as one, from_file(tmp_path / "other") as other:
        staged = tuple(
            figure._replace(samples=tuple(Sample((("model", "x"),), s.value) for s in figure.samples[:1]))
            for figure in other.figures()
        )  # fmt: skip
        text = exposition(one.figures(), staged)
        assert list(complaints(text)) == []
        assert 'state{model="x"}' in text
        assert list(complaints(exposition(one.figures(), one.figures()))) == []


@given(
    name=st.text(max_size=20),
    value=st.floats() | st.integers(min_value=-(2**70), max_value=2**70),
)
def test_any_label_and_any_number_is_read_back(name: str, value: float) -> None:
    safe = name.encode("utf-8", "replace").decode()
    figure = Figure("modelwarden_guard_x", "gauge", "Any.", (Sample((("step", name),), value),))
    if re.search("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029\r]", safe) is None:
        (family,) = text_string_to_metric_families(exposition([figure]))
        assert family.samples[0].labels == {"step": safe}
    assert exposition([figure]).count("\n") == 3


def test_the_registry_of_prometheus_client_tells_the_same(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "route": ROUTE}) as guard:
        registry, places = CollectorRegistry(), used(guard)
        registry.register(GuardCollector(guard))
        theirs, ours = numbers(generate_latest(registry).decode()), numbers(guard.metrics())
        age = ("modelwarden_guard_snapshot_age_seconds", frozenset[Any]())
        assert theirs.pop(age) <= ours.pop(age)
        assert theirs == ours
        assert len(places) == 2


def test_opentelemetry_collects_the_same(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "route": ROUTE}) as guard:
        reader, places = InMemoryMetricReader(), used(guard)
        provider = MeterProvider([reader])
        observe(guard, meter_provider=provider)
        data: Any = reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics
        found = {
            (metric.name, frozenset(point.attributes.items())): point.value
            for metric in metrics
            for point in metric.data.data_points
        }
        expected = {
            (f"modelwarden.guard.{plain_name(figure.name)}", frozenset(sample.labels)): sample.value
            for figure in guard.figures()
            for sample in figure.samples
        }
        age = ("modelwarden.guard.snapshot_age", frozenset(OF.items()))
        assert found.pop(age) <= expected.pop(age)
        assert found == expected
        assert len(places) == 2
        provider.shutdown()
        names = {plain_name(figure.name) for figure in guard.figures()}
        assert names == {*COUNTERS, *(name for name, _ in GAUGES)}


def test_reading_while_predictions_run_is_never_torn(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        predict = guard.protect(lambda *, region, version: 0.4, fallback=[])
        done = threading.Event()

        def work() -> None:
            number = 0
            while not done.is_set():
                predict(region="eu" if number % 2 else "us", version=f"1.{number % 90}")
                number += 1

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        before = 0.0
        for _ in range(30):
            text = guard.metrics()
            assert list(complaints(text)) == []
            now = number(text, "decisions_total", status="blocked")
            assert now >= before
            before = now
        done.set()
        for thread in threads:
            thread.join()
