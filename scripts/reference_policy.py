"""The page of the policy document, from its JSON Schema, and the schema itself. Used by reference.py."""

# ruff: noqa: INP001  # stands beside a script, in no package

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from reference_text import code, page, sentence, table

from modelwarden.policies.condition import OPERATORS
from modelwarden.policies.document import PolicyDocument
from modelwarden.policies.evidence import EvidenceKind
from modelwarden.policies.fields import OF_MODEL, OF_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TITLE: Final = "modelwarden.policy/v1"
WORDS: Final = (
    "const",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a policy document, docstrings cut to what concerns a reader."""
    whole = PolicyDocument.model_json_schema(by_alias=True)
    for part in (whole, *whole["$defs"].values()):
        if "description" in part:
            part["description"] = sentence(part["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "title": TITLE}


def schema_text() -> str:
    """Return the JSON Schema as a file that editors can read."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def policy_document() -> str:
    """Return every key of a policy document, and what conditions may ask."""
    whole = schema()
    parts = [f"## document\n\n{_keys(whole)}"]
    parts += [
        f"## {name}\n\n{each.get('description', '')}\n\n{_keys(each)}"
        for name, each in _objects(whole)
    ]
    fields = [
        [code(name), sort.value, "yes" if name in OF_MODEL else ""]
        for name, sort in sorted(OF_VERSION.items())
    ]
    operators = [
        [sort.value, ", ".join(code(word) for word in sorted(words))]
        for sort, words in OPERATORS.items()
    ]
    return page(
        "Policy document",
        "A policy is YAML or JSON: strict, without anchors, tags, doubled keys. Every key that may stand in one; any "
        "other is refused, with its line. [policy.schema.json](policy.schema.json) is the same for editors. What only "
        "makes sense together (as many people as seats) is checked when a document is read; one that extends another "
        "may leave out whatever its parent says. See the how-to guides for "
        "[people](../how-to/policies.md) and [checks](../how-to/checks.md).",
        *parts,
        "## Fields of conditions\n\nWhat `where` of a check of type `field` may ask, and which of it `applies_to` may."
        " What has no value is unknown, never false.\n\n"
        + table(["field", "sort", "in applies_to"], fields),
        "## Operators\n\n`exists: FIELD` stands alone, and in `applies_to` only.\n\n"
        + table(["sort", "operators"], operators),
        "## Kinds of evidence\n\n" + ", ".join(code(kind.value) for kind in EvidenceKind) + "\n",
    )


def _objects(whole: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, each in sorted(whole["$defs"].items()):
        if each.get("properties"):
            yield name, each


def _keys(part: Mapping[str, Any]) -> str:
    required = part.get("required", ())
    rows = [
        [code(name), _sort(each), "required" if name in required else _default(each)]
        for name, each in part["properties"].items()
    ]
    return table(["key", "value", "default"], rows)


def _default(each: Mapping[str, Any]) -> str:
    given = each.get("default")
    return "" if given is None or isinstance(given, dict) else code(json.dumps(given))


def _sort(each: Mapping[str, Any]) -> str:
    """Return what a value has to be, in words."""
    if "$ref" in each:
        name = each["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "oneOf" in each or "anyOf" in each:
        options = [
            one for one in each.get("oneOf", each.get("anyOf", ())) if one.get("type") != "null"
        ]
        return ", or ".join(_sort(one) for one in options)
    limits = ", ".join(f"{word} {code(json.dumps(each[word]))}" for word in WORDS if word in each)
    inner = each.get("items") or each.get("additionalProperties")
    sort = str(each.get("type", ""))
    of = f" of {_sort(inner)}" if isinstance(inner, dict) and inner else ""
    return f"{sort}{of}{' (' if limits and sort else ''}{limits}{')' if limits and sort else ''}"
