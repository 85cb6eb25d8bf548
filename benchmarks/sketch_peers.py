"""Other quantile sketches, each fed in its fastest form: how it takes values, gives a quantile, and is written.

Relative error is asked of DDSketch and HDR as near to ours as they take it; KLL, REQ and the t-digests know no such
bound and run with their defaults. HDR counts whole nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import datasketches
import fastdigest
import numpy as np
import tdigest
from ddsketch import DDSketch
from ddsketch.pb.proto import DDSketchProto
from hdrh.histogram import HdrHistogram
from prometheus_client import CollectorRegistry, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

NANOSECONDS: Final = 1e9


@dataclass(frozen=True, slots=True)
class Peer:
    """A sketch.

    Attributes:
        values: how many values it is fed when it is timed; the slow ones get fewer.
        ready: puts values into the form that it takes; not timed.
        fed: makes a sketch of what `ready` returned.
        quantile: gives the value at a share of a sketch, in seconds.
        size: gives the bytes of a sketch as it is sent; None where the package writes none.
    """

    name: str
    values: int
    ready: Callable[[Values], Any]
    fed: Callable[[Any], Any]
    quantile: Callable[[Any, float], float]
    size: Callable[[Any], int] | None = None


def peers() -> list[Peer]:
    return [*_of_datasketches(), *_others()]


def _of_datasketches() -> list[Peer]:
    return [
        Peer(
            "datasketches KLL",
            200_000,
            lambda values: values,
            _by_update(lambda: datasketches.kll_doubles_sketch(200)),
            lambda sketch, share: float(sketch.get_quantile(share)),
            lambda sketch: len(sketch.serialize()),
        ),
        Peer(
            "datasketches REQ",
            200_000,
            lambda values: values.astype(np.float32),
            _by_update(lambda: datasketches.req_floats_sketch(12, True)),  # noqa: FBT003  # theirs
            lambda sketch, share: float(sketch.get_quantile(share)),
            lambda sketch: len(sketch.serialize()),
        ),
        Peer(
            "datasketches t-digest",
            200_000,
            lambda values: values,
            _by_update(datasketches.tdigest_double),
            lambda sketch, share: float(sketch.get_quantile(share)),
            lambda sketch: len(sketch.serialize()),
        ),
    ]


def _others() -> list[Peer]:
    return [
        Peer(
            "fastdigest",
            200_000,
            lambda values: values.tolist(),
            fastdigest.TDigest.from_values,
            lambda sketch, share: float(sketch.quantile(share)),
            lambda sketch: len(sketch.to_bytes()),
        ),
        Peer(
            "tdigest",
            5_000,
            lambda values: values.tolist(),
            _by_batch_update,
            lambda sketch, share: float(sketch.percentile(share * 100)),
        ),
        Peer(
            "hdrhistogram, 2 digits",
            100_000,
            lambda values: (values * NANOSECONDS).astype(np.int64).tolist(),
            _hdr,
            lambda sketch, share: sketch.get_value_at_percentile(share * 100) / NANOSECONDS,
            lambda sketch: len(sketch.encode()),
        ),
        Peer(
            "ddsketch, 1.083 %",
            100_000,
            lambda values: values.tolist(),
            _ddsketch,
            lambda sketch, share: float(sketch.get_quantile_value(share)),
            lambda sketch: len(DDSketchProto.to_proto(sketch).SerializeToString()),
        ),
    ]


def default_buckets_quantile(values: Values, share: float) -> float:
    """Return what Prometheus estimates from the default classic buckets: linear within one."""
    bounds = np.array([0.0, *(bound for bound in Histogram.DEFAULT_BUCKETS if bound < np.inf)])
    reached = np.searchsorted(np.sort(values), bounds, side="right")
    rank = share * len(values)
    at = int(np.searchsorted(reached, rank))
    if at >= len(bounds):
        return float(bounds[-1])
    low, high = bounds[at - 1], bounds[at]
    return float(low + (high - low) * (rank - reached[at - 1]) / (reached[at] - reached[at - 1]))


def prometheus_histogram() -> Histogram:
    return Histogram("latency_seconds", "Latency.", registry=CollectorRegistry())


def ddsketch() -> DDSketch:
    return DDSketch(0.01083)


def _by_update(made: Callable[[], Any]) -> Callable[[Any], Any]:
    def fed(values: Any) -> Any:  # noqa: ANN401  # each package's own
        sketch = made()
        sketch.update(values)
        return sketch

    return fed


def _by_batch_update(values: list[float]) -> tdigest.TDigest:
    sketch = tdigest.TDigest()
    sketch.batch_update(values)
    return sketch


def _hdr(values: list[int]) -> HdrHistogram:
    sketch = HdrHistogram(1, 86_400 * 10**9, 2)
    for value in values:
        sketch.record_value(value)
    return sketch


def _ddsketch(values: list[float]) -> DDSketch:
    sketch = ddsketch()
    for value in values:
        sketch.add(value)
    return sketch
