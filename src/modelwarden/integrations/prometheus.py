"""A guard's figures in the registry of `prometheus_client`. It needs the extra `prometheus`.

    REGISTRY.register(GuardCollector(guard))

They are read when somebody scrapes. Each process has its own: under several workers, scrape each, or set an own port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from modelwarden.guard.guard import Guard
    from modelwarden.guard.metrics import Figure


class GuardCollector(Collector):
    """Collects what some guards count; register one for all guards of a process."""

    def __init__(self, *guards: Guard) -> None:
        self._guards = guards

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as they are now."""
        families: dict[str, Metric] = {}
        for figure in (one for guard in self._guards for one in guard.figures()):
            family = families.setdefault(figure.name, _family(figure))
            for sample in figure.samples:
                family.add_sample(figure.name, dict(sample.labels), sample.value)
        yield from families.values()

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: what there is to tell depends on what has happened."""
        return iter(())


def _family(figure: Figure) -> Metric:
    if figure.kind == "counter":
        return CounterMetricFamily(figure.name.removesuffix("_total"), figure.meaning)
    return GaugeMetricFamily(figure.name, figure.meaning)
