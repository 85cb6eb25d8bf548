"""Translates configuration of the source documents into a policy: `governance.yaml`, `GovernancePolicy` (POL-8). Pure.

What has no counterpart is an error with path and line, unless its path is named to be left out; then the policy says so
in a comment. Nothing is assumed to be meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from modelwarden.errors import PolicyInvalid
from modelwarden.policies.built_in import built_in
from modelwarden.policies.document import BUILT_IN, SCHEMA, Draft
from modelwarden.policies.inheriting import joined, unexcused
from modelwarden.policies.reading import place, read
from modelwarden.policies.source_files import read_source
from modelwarden.policies.source_keys import Translation
from modelwarden.values.ids import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.policies.reading import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """A policy document in YAML, and what the file said beside it.

    Attributes:
        settings: what belongs into the settings of the server, one line each.
        notes: what needs no line in a policy, or was left out.
    """

    name: str
    text: str
    settings: tuple[str, ...]
    notes: tuple[str, ...]


def translate(text: str, *, name: str | None = None, leave_out: Iterable[str] = ()) -> Translated:
    """Return the policy that a file of the source documents means, with `name` where it has none of its own.

    Raises PolicyInvalid, which names every key that can't be translated with its line.
    """
    source = read_source(text)
    found = Translation(source, leave_out=frozenset(leave_out))
    found.section((), source.tree, found.top)
    for path in sorted(found.leave_out - found.used):
        source.blame((), f"nothing to leave out at {path}")
    tree = _policy(found, name)
    if source.problems:
        raise PolicyInvalid(tuple(source.problems))
    _excuse(tree, found)
    dumped = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100)
    heading = [found.description, *(note for note in found.notes if note.startswith("left out"))]
    comments = "".join(f"# {line}\n" for line in heading if line)
    return Translated(
        name=str(tree["name"]),
        text=f"{comments}{dumped}",
        settings=tuple(found.settings),
        notes=tuple(found.notes),
    )


def _policy(found: Translation, name: str | None) -> dict[str, Any]:
    """Return the tree of the policy; problems are noted."""
    called = name or found.name or "imported"
    if not NAME.fullmatch(called):
        found.source.blame((), f"the policy's name: text that matches {NAME.pattern}")
    tree: dict[str, Any] = {"schema": SCHEMA, "name": called}
    if found.level is not None:
        tree["extends"] = built_in()[f"{BUILT_IN}{found.level}"].id
    approvals = _approvals(found)
    if found.level is None and "humans" not in approvals:
        found.source.blame((), "it says neither compliance_level nor how many have to agree")
    if approvals:
        tree["approvals"] = approvals
    if found.datasets:
        check = {"id": "data", "type": "dataset", "params": {"roles": ["training"]}}
        tree["checks"] = [{**check, "severity": "block", "on_unknown": "block"}]
    if found.strategy is not None:
        tree["rollout"] = {"strategy": found.strategy[1]}
    if found.back:
        tree["rollback_when"] = {"any": found.back}
    return tree


def _line_of(found: Translation, path: str) -> str:
    """Return where in the file a part of the policy comes from."""
    at: Path | None = None
    if path.startswith("approvals"):
        at = found.chosen_at or (found.humans and found.humans[0])
    elif path.startswith("rollout") and found.strategy is not None:
        at = found.strategy[0]
    return place(at or (), found.source.lines)


def _approvals(of: Translation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    count = len(of.choices)
    humans = count if of.humans is None else of.humans[1]
    if count and humans < count:
        found = {"humans": humans, "seats": [{"any": humans, "of": of.choices}]}
    elif count:
        found = {"humans": humans, "seats": of.choices}
    elif of.humans is not None:
        found = {
            "humans": humans,
            "seats": [{"any": humans, "of": [{"role": "approver"}]}],
        }
    if of.external:
        found["external"] = of.external
    return found


def _excuse(tree: dict[str, Any], found: Translation) -> None:
    """Write down where the file is weaker than the preset that it names: each override says from which line it comes.

    Raises PolicyInvalid where what was translated is no policy.
    """
    if found.level is None:
        return
    parent = built_in()[f"{BUILT_IN}{found.level}"]
    text = yaml.safe_dump(tree, sort_keys=False)
    document = Draft(read(text)).document(joined(tree, parent.parsed, reference=parent.id))
    weak = unexcused(document, parent.parsed)
    if weak:
        paths = dict.fromkeys(each.path for each in weak)
        tree["overrides"] = [
            {"path": path, "reason": f"as in the imported file, {_line_of(found, path)}"}
            for path in paths
        ]
