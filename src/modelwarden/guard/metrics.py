"""What a guard counts, as figures and as Prometheus text by the standard library (SG-57).

    guard.metrics()                             # of one guard
    exposition(one.figures(), other.figures())  # of several in one process

Everything is read when somebody asks; no prediction pays for it. Labels are of the guard's own making: models,
endpoints, versions, steps, states. No key, segment or other value of a caller is one.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from modelwarden.guard.decision import Status
from modelwarden.guard.held import State
from modelwarden.guard.router import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from modelwarden.guard.setting_up import Parts

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "modelwarden_guard_"
LONGEST: Final = 100
"""Characters of a label's value; the host may have named a step or an endpoint at any length."""

Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One number."""

    labels: Labels
    value: float


class Figure(NamedTuple):
    """All numbers of one name. A counter's name ends in `_total`; units are seconds and parts of one."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    samples: tuple[Sample, ...]


def exposition(*guards: Iterable[Figure]) -> str:
    """Return the figures of some guards as Prometheus reads them: text format 0.0.4."""
    together: dict[str, tuple[Figure, dict[Labels, float]]] = {}
    for figure in (one for figures in guards for one in figures):
        _, samples = together.setdefault(figure.name, (figure, {}))
        samples.update({sample.labels: sample.value for sample in figure.samples})
    lines: list[str] = []
    for figure, samples in together.values():
        if samples:
            lines.append(f"# HELP {figure.name} {figure.meaning}")
            lines.append(f"# TYPE {figure.name} {figure.kind}")
            lines += [f"{figure.name}{_shown(ls)} {_number(v)}" for ls, v in samples.items()]
    return "\n".join([*lines, ""])


def figures_of(parts: Parts) -> tuple[Figure, ...]:
    """Return the figures of a guard as they are now."""
    settings = parts.settings
    of = (("environment", settings.environment), ("model", settings.model))
    return tuple(
        _labelled(of, (*_counted(parts), *_held(parts), *_routed(parts), _breakers(parts)))
    )


def _labelled(of: Labels, figures: Iterable[Figure]) -> Iterator[Figure]:
    for figure in figures:
        samples = tuple(Sample((*of, *one.labels), one.value) for one in figure.samples)
        yield figure._replace(name=PREFIX + figure.name, samples=samples)


def _counted(parts: Parts) -> Iterator[Figure]:
    counts = parts.counts
    by_status = {status.name.lower(): counts.of(status) for status in Status}
    yield _counter("decisions_total", "Answers, by how they came about.", status=by_status)
    steps = dict(counts.steps)
    yield _counter("fallbacks_total", "Answers that a step of the fallback gave.", step=steps)
    for name, meaning, value in (
        ("unknown_context_total", "Calls that a switch matched for a value that they lack.", counts.unknown_context),
        ("stale_inputs_total", "Calls whose inputs were too old, or old enough to warn.", counts.stale_inputs),
        ("internal_errors_total", "Faults in the guard itself.", counts.faults),
        ("snapshots_rejected_total", "Snapshots that were refused.", parts.intake.rejections),
        ("clock_behind_total", "Looks at a wall clock over 30 s behind the server's.", parts.holder.behind),
    ):  # fmt: skip
        yield _counter(name, meaning, value=value)
    dropped = {"report": parts.reports.failed}
    yield _counter(
        "dropped_total", "What did not get to the server, and is not sent again.", what=dropped
    )


def _held(parts: Parts) -> Iterator[Figure]:
    held = parts.judged()
    states = {state.value: float(state is held.state) for state in State}
    yield _gauge("state", "1 for how the guard stands: fresh, stale or none.", state=states)
    local = parts.local_stop
    stopped = local is not None and local.is_active
    yield _gauge("local_stop", "1 while a stop file blocks something.", value=float(stopped))
    if held.snapshot is not None:
        age = max(0.0, parts.clocks.monotonic() - held.born)
        at = held.snapshot.head.at
        yield _gauge("snapshot_age_seconds", "Time since the snapshot was confirmed.", value=age)
        yield _gauge("snapshot_epoch", "Epoch of the snapshot that is held.", value=at.epoch)
        what = "Generation of the snapshot that is held."
        yield _gauge("snapshot_generation", what, value=at.generation)
    applied = parts.intake.applied
    if applied is not None:
        what = "Time that the last snapshot took from its last byte until it counted."
        yield _gauge("snapshot_apply_seconds", what, value=applied.applied_ms / 1_000)


def _routed(parts: Parts) -> Iterator[Figure]:
    routed = {why.value: count for why, count in parts.counts.routed.items()}
    yield _counter("routed_total", "Calls that were routed to a version, by why.", why=routed)
    snapshot = parts.holder.held.snapshot
    route = None if snapshot is None else snapshot.route
    if route is not None:
        shares = {label: share / WHOLE for label, share in route.shares}
        shares[route.stable] = 1 - sum(shares.values())
        yield _gauge("route_share_ratio", "Part of the calls for a version.", version=shares)


def _breakers(parts: Parts) -> Figure:
    """Return how many breakers stand how; several places may go by one name."""
    found: Counter[Labels] = Counter()
    for site in list(parts.sites):
        endpoint = site.place.endpoint
        for version, breaker in site.place.breakers().items():
            labels = {"endpoint": endpoint, "state": breaker.state.value, "version": version or ""}
            found[_labels(labels)] += 1
    samples = tuple(Sample(labels, count) for labels, count in sorted(found.items()))
    return Figure("breakers", "gauge", "Breakers, by where they stand.", samples)


def _counter(name: str, meaning: str, **by: Mapping[str, float] | float) -> Figure:
    return Figure(name, "counter", meaning, _samples(by))


def _gauge(name: str, meaning: str, **by: Mapping[str, float] | float) -> Figure:
    return Figure(name, "gauge", meaning, _samples(by))


def _samples(by: Mapping[str, Mapping[str, float] | float]) -> tuple[Sample, ...]:
    """Return numbers by the values of one label, or the one number that is named `value`."""
    ((label, values),) = by.items()
    if isinstance(values, (int, float)):
        return (Sample((), values),)
    return tuple(Sample(_labels({label: name}), value) for name, value in values.items())


def _labels(found: Mapping[str, str]) -> Labels:
    return tuple((name, value[:LONGEST]) for name, value in found.items())


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    each = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{each}}}"


def _escaped(value: str) -> str:
    text = value.encode("utf-8", "replace").decode()
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return repr(value) if math.isfinite(value) else "NaN"
