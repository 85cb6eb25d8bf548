"""What is approved with a version of its answers: how they have to look, how many, how old (SG-34). Pure.

    {"outputs": {"low": 0, "high": 1}, "limits": [{"rate": "500/s", "burst": 100, "key": "consumer"}],
     "freshness": [{"field": "as_of", "warn": "1h", "fallback": "6h", "block": "24h"}], "baseline": false}

It is kept in one canonical form, never changes, and travels in snapshots; a guard's code may only tighten it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ValueInvalid
from modelwarden.guard.contract import document, parse
from modelwarden.guard.freshness import Fresh, span_s
from modelwarden.guard.limits import Rate
from modelwarden.registry.metric import decimal_text
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBERS: Final = frozenset({"outputs", "limits", "freshness", "baseline"})
RATE: Final = frozenset({"rate", "burst", "key"})
FRESHNESS: Final = frozenset({"field", "warn", "fallback", "block", "skew"})
MOST: Final = 16
"""Limits, and times that are looked at, at most."""
LARGEST: Final = 64 * 1024
LONGEST_FIELD: Final = 128


def checked_contract(given: Mapping[str, object] | None) -> dict[str, object] | None:
    """Return a contract in its canonical form; None where it says nothing. Raises ValueInvalid."""
    if given is None:
        return None
    if not given.keys() <= MEMBERS:
        raise ValueInvalid("contract", f"an object with {', '.join(sorted(MEMBERS))} alone")
    outputs, baseline = given.get("outputs"), given.get("baseline", False)
    if type(baseline) is not bool:
        raise ValueInvalid("contract.baseline", "true or false")
    said: dict[str, object] = {
        "outputs": None if outputs is None else document(parse(_with_decimals(outputs))),
        "limits": [_limit(item) for item in _items(given, "limits", RATE)],
        "freshness": [_fresh(item) for item in _items(given, "freshness", FRESHNESS)],
        "baseline": baseline,
    }
    found = {name: value for name, value in said.items() if value}
    if len(encode_any(found)) > LARGEST:
        raise ValueInvalid("contract", f"at most {LARGEST:,} bytes of JSON")
    return found or None


def _items(
    given: Mapping[str, object], member: str, names: frozenset[str]
) -> Iterator[Mapping[str, object]]:
    items = given.get(member) or ()
    if not isinstance(items, list | tuple) or len(items) > MOST:
        raise ValueInvalid(f"contract.{member}", f"a list of at most {MOST}")
    for item in items:
        if not isinstance(item, Mapping) or not item.keys() <= names:
            raise ValueInvalid(f"contract.{member}", f"objects with {', '.join(sorted(names))}")
        yield item


def _limit(item: Mapping[str, object]) -> dict[str, object]:
    rate, burst, key = item.get("rate"), item.get("burst"), item.get("key")
    if not isinstance(rate, str) or (burst is not None and type(burst) is not int):
        raise ValueInvalid("contract.limits", 'as {"rate": "500/s", "burst": 100}')
    if key is not None and not (isinstance(key, str) and NAME.fullmatch(key)):
        raise ValueInvalid("contract.limits.key", "the name of a dimension")
    Rate(rate, burst=burst, key=key)
    return {"rate": rate, "burst": burst, "key": key}


def _fresh(item: Mapping[str, object]) -> dict[str, object]:
    field = item.get("field")
    if not isinstance(field, str) or not (field.isprintable() and 0 < len(field) <= LONGEST_FIELD):
        raise ValueInvalid("contract.freshness.field", "the name of the input that holds a time")
    texts: dict[str, str | None] = {}
    for name in ("warn", "fallback", "block", "skew"):
        text = item.get(name)
        if text is not None and not isinstance(text, str):
            raise ValueInvalid(f"contract.freshness.{name}", 'a time such as "6h"')
        texts[name] = text
    skew = texts["skew"] or "30s"
    fresh = Fresh(field, texts["warn"], texts["fallback"], texts["block"], skew)
    ages = {name: _seconds(texts[name]) for name in ("warn", "fallback", "block")}
    return {
        "field": fresh.field,
        **{f"{name}_s": age for name, age in ages.items()},
        "skew_s": _seconds(skew),
    }


def _seconds(text: str | None) -> int | None:
    return None if text is None else int(span_s(text))


def _with_decimals(value: object) -> object:
    """Return JSON in which fractions are decimal text, as contracts write them."""
    if isinstance(value, float):
        return decimal_text(value, "contract.outputs")
    if isinstance(value, list | tuple):
        return [_with_decimals(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _with_decimals(item) for key, item in value.items()}
    return value
