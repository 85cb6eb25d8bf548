"""The rules of SG-2, SG-4, SG-5 and SG-17 once more, slowly: one switch after the other, three-valued, no bitmaps."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIXED = {"model", "version", "model_type", "endpoint", "segment", "region", "consumer", "use_case"}
STRENGTH = {"observe": 1, "fallback": 2, "block": 3}


def plain(value: object, dimension: str) -> str | None:
    """Return the canonical text; None for a missing value."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and abs(value) >= 2**4096:
        return None
    text = str(value)
    if len(text) > 4096:
        return None
    text = unicodedata.normalize("NFC", text.strip())
    if text == "" or any(not character.isprintable() for character in text):
        return None
    if dimension == "region":
        decomposed = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize("NFC", decomposed.casefold())
    return text


def holds(condition: object, value: str | None, dimension: str) -> bool | None:
    """Say whether the condition holds of the value; None if that is open."""
    if value is None:
        return None
    match condition:
        case str():
            return plain(condition, dimension) == value
        case [*values]:
            return value in {plain(one, dimension) for one in values}
        case {"not_in": [*values]}:
            return value not in {plain(one, dimension) for one in values}
        case {"prefix": str(prefix)}:
            return value.startswith(plain(prefix, dimension) or "")
    raise AssertionError(condition)


def is_understood(name: str, condition: object, known: set[str]) -> bool:
    match condition:
        case str():
            values: list[object] = [condition]
        case [*values] if values:
            pass
        case {"not_in": [*values]} if values and len(condition) == 1:
            pass
        case {"prefix": str(prefix)} if len(condition) == 1:
            values = [prefix]
        case _:
            return False
    texts = [plain(one, name) if isinstance(one, str) else None for one in values]
    return name in known and all(text is not None and len(text) <= 200 for text in texts)


def conjunction(
    conditions: Mapping[str, object], context: Mapping[str, object]
) -> tuple[bool | None, set[str]]:
    """AND of Kleene's logic, and the dimensions whose value is missing."""
    found = {
        name: holds(condition, plain(context.get(name), name), name)
        for name, condition in conditions.items()
    }
    missing = {name for name, answer in found.items() if answer is None}
    if False in found.values():
        return False, missing
    return (None if missing else True), missing


def switch_matches(
    switch: Mapping[str, Any], context: Mapping[str, object], known: set[str]
) -> tuple[bool, str, set[str]]:
    """Say whether it matches, with what action, and which dimensions of its scope are missing."""
    action = switch["action"] if switch["action"] in STRENGTH else "block"
    scope, carved = dict(switch["scope"]), dict(switch.get("except") or {})
    strange = {n for n, c in scope.items() if not is_understood(n, c, known)}
    strange_except = {n for n, c in carved.items() if not is_understood(n, c, known)}
    if strange or strange_except:
        action = "block"
    inside, missing = conjunction({n: c for n, c in scope.items() if n not in strange}, context)
    outside: bool | None = False
    if carved and not strange_except:
        outside, _ = conjunction(carved, context)
    lax = switch.get("unknown") == "pass"
    if inside is None:
        inside = not lax
    if outside is None:
        outside = lax
    return inside and not outside, action, missing


def match(
    switches: Sequence[Mapping[str, Any]],
    context: Mapping[str, object],
    configured: Sequence[str] = (),
) -> tuple[int, list[str], tuple[str, ...] | None, set[str]]:
    """Return the strength, the ids, the common steps (None: the whole chain) and what is missing."""
    known = FIXED | set(configured)
    strength, missing = 0, set()
    chosen = []
    for switch in sorted(switches, key=lambda one: one["id"]):
        matches, action, absent = switch_matches(switch, context, known)
        if not matches or switch.get("held", 10_000) == 0:
            continue
        chosen.append(switch["id"])
        missing |= absent
        if action == "fallback" and not switch.get("fallback"):
            action = "block"
        strength = max(strength, STRENGTH[action])
    steps: tuple[str, ...] | None = ()
    if strength == 2:
        steps = _steps([one for one in switches if one["id"] in chosen])
        strength = 3 if steps == () else 2
    return strength, chosen, steps, missing


def _steps(switches: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    lists = [
        list(dict.fromkeys(one["fallback"]))
        for one in sorted(switches, key=lambda one: one["id"])
        if one["action"] == "fallback" and one["fallback"] != "chain"
    ]
    if not lists:
        return None
    return tuple(step for step in lists[0] if all(step in other for other in lists[1:]))
