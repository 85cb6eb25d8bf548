"""Words of pages: scopes, spans of time and moments as people say them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from modelwarden.values.local_stops import LocalStopAnswer
from modelwarden.values.switches import SwitchAnswer

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
GETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "block": "no prediction",
        "observe": "the prediction; matching calls are counted",
        "chain": "the guard's own fallback",
        "last_known_good": "the last known good value",
        "baseline": "the approved baseline",
        "default": "the default value",
        "custom": "the guard's custom fallback",
    }
)


def scope_words(of: SwitchAnswer | LocalStopAnswer) -> str:
    """Return a scope as people say it: `churn, region eu or us, segment other than vip`."""
    if of.everything:
        return f"everything in {of.environment}"
    return conditions_words(of.scope, of.exception)


def conditions_words(
    scope: Mapping[str, Any], exception: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """Return the conditions of a scope and what is carved out of it."""
    model_first = sorted(scope.items(), key=lambda item: item[0] != "model")
    words = [_condition_words(name, raw) for name, raw in model_first]
    carved = [_condition_words(name, raw) for name, raw in exception.items()]
    return ", ".join(words) + (f"; not {' with '.join(carved)}" if carved else "")


def gets_words(of: SwitchAnswer | LocalStopAnswer) -> str:
    """Return what callers get while it is in force."""
    return ", else ".join(GETS[step] for step in of.fallback or (of.action,))


def clock(seconds: float) -> str:
    """Return a span as a clock that goes on: `2:14:22`, `3 d 0:05:00`."""
    days, rest = divmod(max(0, int(seconds)), DAY_S)
    time = f"{rest // HOUR_S}:{rest // MINUTE_S % 60:02}:{rest % 60:02}"
    return f"{days} d {time}" if days else time


def span(seconds: float) -> str:
    """Return a span in its largest fitting unit: `38 s`, `4 min`, `2 h 14 min`, `12 d`."""
    whole = max(0, int(seconds))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole // MINUTE_S % 60} min"
    return f"{whole // DAY_S} d"


def milliseconds(count: int) -> str:
    """Return a short span: `180 ms`, `1.8 s`, `4 min`."""
    if count < 1_000:  # noqa: PLR2004  # a second
        return f"{count} ms"
    return f"{count / 1_000:.1f} s" if count < MINUTE_S * 1_000 else span(count / 1_000)


def moment_words(at: datetime) -> str:
    """Return a moment whole: `27 Nov 2026 10:38:07 UTC`."""
    return f"{at.day} {at:%b %Y %H:%M:%S} UTC"


def percent(part: float) -> str:
    """Return a part of 1 as people say it: `12.5 %`, `5 %`, `0.02 %`."""
    return f"{part * 100:.3g}\N{NO-BREAK SPACE}%"


def plain(word: str) -> str:
    """Return a word of the program as people read it: `error_rate` as `error rate`."""
    return word.replace("_", " ")


def sentence(words: str) -> str:
    """Return words with a capital at the beginning; names within keep theirs."""
    return words[:1].upper() + words[1:]


def number(count: int) -> str:
    """Return a number with its thousands apart."""
    return f"{count:,}"


def _condition_words(name: str, raw: Any) -> str:  # noqa: ANN401  # a condition as JSON
    called = plain(name)
    if isinstance(raw, list | str):
        values = [raw] if isinstance(raw, str) else raw
        return ("" if name == "model" else f"{called} ") + " or ".join(values)
    if "not_in" in raw:
        return f"{called} other than {' or '.join(raw['not_in'])}"
    return f"{called} beginning with {raw['prefix']}"
