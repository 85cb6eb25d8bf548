"""The page of a model's drift: how far each feature lies from its reference, window by window, and cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from modelwarden.console import charts
from modelwarden.console.desk import Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import environment_of
from modelwarden.console.words import number
from modelwarden.errors import NotFound
from modelwarden.guard.drift import Edges
from modelwarden.guard.scope import known_dimensions
from modelwarden.registry import actions as registry
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.setting import UNWATCHED
from modelwarden.values.pages import Page

PICTURES: Final = 8
"""Features that get pictures: those that lie farthest off; the others stand in the table."""
VERSIONS: Final = Page(limit=50)
WINDOWS: Final = ("10m", "30m", "1h", "6h")
LIMITS: Final = (
    charts.Limit(0.1, "0.1 note", "warn"),
    charts.Limit(0.25, "0.25 observe", "warn"),
    charts.Limit(0.5, "0.5 stop", "bad"),
)
"""SG-50's rungs."""
STANDS: Final = {
    "trip": ("bad", "Far off"),
    "observe": ("warn", "Off"),
    "note": ("warn", "Slightly off"),
    "none": ("ok", "As the reference"),
    "unknown": ("mut", "Too few rows"),
}
BARS: Final = (
    charts.Size(*charts.HALF, foot=20, head=8),
    charts.Size(*charts.NARROW, foot=20, head=8),
)


class Cell(NamedTuple):
    """One cell of a feature: its name, and rows as shares."""

    name: str
    expected: str
    counted: str


class Feature(NamedTuple):
    """One feature in a part of the traffic: its index over time, and its cells."""

    name: str
    psi: str
    n: str
    kind: str
    over_time: tuple[charts.Chart, charts.Chart]
    times: tuple[tuple[str, str], ...]
    cells: tuple[charts.Bars, charts.Bars]
    table: tuple[Cell, ...]


class Part(NamedTuple):
    """A part of the traffic: the value of the dimension, and how it stands."""

    value: str
    standing: tuple[str, str]
    psi: str
    n: str


def read(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows. Raises ModelNotFound, VersionNotFound, ValueInvalid."""
    model, place = query["model"], environment_of(query).value
    labels = _labels(view, model, place)
    shown: dict[str, Any] = {
        "model": model,
        "environment": place,
        "labels": labels,
        "windows": WINDOWS,
        "dimensions": sorted(known_dimensions(view.settings.switch_dimensions) - UNWATCHED),
        "version": query.get("version") or next(iter(labels), None),
        "found": None,
    }
    if shown["version"] is None:
        return shown
    found = actions.drift(
        view,
        model,
        shown["version"],
        environment=place,
        window=query.get("window", WINDOWS[0]),
        by=query.get("by"),
    )
    group = _chosen(found.groups, query.get("value"))
    return shown | {
        "found": found,
        "parts": [_part(each) for each in found.groups],
        "chosen": None if group is None else _part(group),
        "features": [] if group is None else _features(found, group),
        "others": [] if group is None else _others(group),
        "minutes": int(found.window.total_seconds()) // 60,
    }


def _labels(view: Any, model: str, place: str) -> list[str]:  # noqa: ANN401  # a view
    """Return the versions that have a reference, those that are live here first. Raises ModelNotFound."""
    found = []
    for each in registry.versions(view, model, VERSIONS).items:
        try:
            registry.drift_reference(view, model, each.label)
        except NotFound:
            continue
        found.append((place not in each.live_in, each.label))
    return [label for _, label in sorted(found, key=lambda one: one[0])]


def _chosen(groups: Sequence[Any], value: str | None) -> Any:  # noqa: ANN401  # a group
    """Return the part of the traffic that the address names, else the worst one."""
    named = (each for each in groups if value is not None and (each.value or "") == value)
    return next(named, groups[0] if groups else None)


def _part(group: Any) -> Part:  # noqa: ANN401  # a group
    last = group.last
    return Part(group.value or "", STANDS[group.state], _psi(last.psi), number(last.n))


def _features(found: Any, group: Any) -> list[Feature]:  # noqa: ANN401  # drift, and a part of it
    """Return the features that lie farthest off in the last window, with their pictures."""
    ends = [found.until - found.window * back for back in range(len(group.windows) - 1, -1, -1)]
    by_window = [{one.name: one for one in window.features} for window in group.windows]
    edges, baseline = dict(found.of.reference.edges.features), found.of.reference.baseline
    shown = []
    for last in group.last.features[:PICTURES]:
        values = [window[last.name].psi for window in by_window]
        times = tuple((f"{end:%d %b %H:%M}", _psi(v)) for end, v in zip(ends, values, strict=True))
        points = [
            charts.Point(value, f"until {end} UTC: {words}")
            for value, (end, words) in zip(values, times, strict=True)
        ]
        names = _cell_names(edges[last.name])
        expected = baseline[last.name]
        shown.append(
            Feature(
                name=last.name,
                psi=_psi(last.psi),
                n=number(last.n),
                kind=_kind(last.psi),
                over_time=charts.pictures(points, LIMITS, wide=charts.HALF, right=84),
                times=times[::-1],
                cells=_bars(expected, last.counts, names),
                table=_table(expected, last.counts, names),
            )
        )
    return shown


def _others(group: Any) -> list[tuple[str, str, str, str]]:  # noqa: ANN401  # a part of the traffic
    return [
        (one.name, _kind(one.psi), _psi(one.psi), number(one.n))
        for one in group.last.features[PICTURES:]
    ]


def _bars(
    expected: Sequence[int], counted: Sequence[int], names: Sequence[str]
) -> tuple[charts.Bars, charts.Bars]:
    wide, narrow = (charts.bars(expected, counted, names, size) for size in BARS)
    return wide, narrow


def _table(
    expected: Sequence[int], counted: Sequence[int], names: Sequence[str]
) -> tuple[Cell, ...]:
    of_expected, of_counted = sum(expected) or 1, sum(counted) or 1
    return tuple(
        Cell(name, f"{one / of_expected:.1%}", f"{other / of_counted:.1%}")
        for name, one, other in zip(names, expected, counted, strict=True)
    )


def _cell_names(feature: Any) -> list[str]:  # noqa: ANN401  # edges or categories
    """Return the names of cells in their order: ranges, then what is missing, below and above; or categories."""
    if not isinstance(feature, Edges):
        return [*feature.names, "other"]
    lows = [feature.low, *feature.uppers[:-1]]
    ranges = [f"{low:g} to {up:g}" for low, up in zip(lows, feature.uppers, strict=True)]
    return [*ranges, "missing", "below", "above"]


def _kind(psi: float | None) -> str:
    """Return how one window of one feature looks; what stands is said of the part of the traffic."""
    if psi is None:
        return "mut"
    return "bad" if psi > LIMITS[2].value else "warn" if psi > LIMITS[0].value else "ok"


def _psi(psi: float | None) -> str:
    return "unknown" if psi is None else f"{psi:.3f}"


DRIFT: Final = Sheet(
    template="drift.html",
    title="Drift",
    place="/drift/{model}",
    read=read,
    names=("version", "environment", "window", "by", "value"),
)
