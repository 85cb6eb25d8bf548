"""A guard's figures as observable instruments of OpenTelemetry. It needs the extra `opentelemetry`.

    observe(guard)                              # with the provider that the program has set
    observe(guard, meter_provider=provider)

`modelwarden_guard_decisions_total` goes by `modelwarden.guard.decisions` there. They are read when a reader collects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation, get_meter_provider

from modelwarden.guard.metrics import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from opentelemetry.metrics import CallbackOptions, MeterProvider

    from modelwarden.guard.guard import Guard

    Callback = Callable[[CallbackOptions], Iterable[Observation]]

SCOPE: Final = "modelwarden.guard"
COUNTERS: Final = (
    "decisions", "fallbacks", "unknown_context", "stale_inputs", "internal_errors", "snapshots_rejected",
    "clock_behind", "dropped", "routed",
)  # fmt: skip
GAUGES: Final = (
    ("state", "1"), ("local_stop", "1"), ("snapshot_age", "s"), ("snapshot_epoch", "1"), ("snapshot_generation", "1"),
    ("snapshot_apply", "s"), ("route_share", "1"), ("breakers", "{breaker}"),
)  # fmt: skip
ENDINGS: Final = ("_total", "_seconds", "_ratio")
"""What Prometheus has at the end of a name, and OpenTelemetry beside it."""


def observe(*guards: Guard, meter_provider: MeterProvider | None = None) -> None:
    """Let what these guards count be collected; once per process, for all of them."""
    meter = (meter_provider or get_meter_provider()).get_meter(SCOPE)
    for name in COUNTERS:
        meter.create_observable_counter(f"{SCOPE}.{name}", [_reading(guards, name)])
    for name, unit in GAUGES:
        meter.create_observable_gauge(f"{SCOPE}.{name}", [_reading(guards, name)], unit=unit)


def plain_name(name: str) -> str:
    """Return a figure's name without what Prometheus adds."""
    found = name.removeprefix(PREFIX)
    for ending in ENDINGS:
        found = found.removesuffix(ending)
    return found


def _reading(guards: Sequence[Guard], name: str) -> Callback:
    def read(_options: CallbackOptions) -> Iterable[Observation]:
        for figure in (one for guard in guards for one in guard.figures()):
            if plain_name(figure.name) == name:
                for sample in figure.samples:
                    yield Observation(sample.value, dict(sample.labels))

    return read
