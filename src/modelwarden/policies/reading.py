"""YAML with one meaning only: no anchors, no tags, no duplicate keys, no guessing (POL-1). Pure.

JSON is read by the same rules. The shape is checked on the stream of events, before anything is built, so that a
document made to be expensive is refused early. What the words mean is `document.py`'s business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import yaml

from modelwarden.errors import PolicyInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

Path: TypeAlias = "tuple[str | int, ...]"

LARGEST: Final = 256 * 1024
DEEPEST: Final = 40
"""A condition nests 16 deep (EVAL-1), each level in a mapping and a list."""
MOST_NODES: Final = 4_000

_TAG: Final = "tag:yaml.org,2002:"
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})\.[0-9]{1,16}")
_WORDS: Final = {"true": True, "false": False}


@dataclass(slots=True)
class Source:
    """A document as plain values, with the line on which each stands.

    Attributes:
        problems: what was wrong on the way, each with path and line.
    """

    tree: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def blame(self, path: Path, problem: str) -> None:
        """Note a problem under its path and the nearest known line."""
        self.problems.append(f"{place(path, self.lines)}: {problem}")


def read(text: str) -> Source:
    """Read a document. Problems of single values are collected; raises PolicyInvalid where reading can't go on."""
    if len(text.encode("utf-8", "replace")) > LARGEST:
        raise PolicyInvalid((f"the document is over {LARGEST // 1024} KiB",))
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise PolicyInvalid((f"line {line}: not YAML: {error.problem}",)) from error
    except yaml.YAMLError as error:
        raise PolicyInvalid(("not YAML: a character that may not stand there",)) from error
    source = Source()
    if node is not None:
        source.tree = _built(node, (), source)
    return source


def place(path: Path, lines: Mapping[Path, int]) -> str:
    """Return where something stands, in words: `line 7, approvals.seats[0]`."""
    known = path
    while known and known not in lines:
        known = known[:-1]
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    line = f"line {lines.get(known, 1)}"
    return f"{line}, {words.removeprefix('.')}" if words else line


def _check_events(text: str) -> None:
    depth = nodes = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            _check_event(event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise PolicyInvalid((f"{_line(event)}: nested deeper than {DEEPEST}",))
        if nodes > MOST_NODES:
            raise PolicyInvalid((f"{_line(event)}: more than {MOST_NODES:,} values",))


def _check_event(event: yaml.NodeEvent) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise PolicyInvalid((f"{_line(event)}: anchors and aliases are not allowed; write it out",))
    if getattr(event, "tag", None) is not None:
        raise PolicyInvalid((f"{_line(event)}: tags are not allowed",))


def _line(event: yaml.Event) -> str:
    return f"line {1 if event.start_mark is None else event.start_mark.line + 1}"


def _built(node: yaml.Node, path: Path, source: Source) -> object:
    source.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, source)
    if isinstance(node, yaml.SequenceNode):
        return [_built(item, (*path, index), source) for index, item in enumerate(node.value)]
    return _scalar(node, path, source)


def _mapping(node: yaml.MappingNode, path: Path, source: Source) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, item in node.value:
        if key.tag != f"{_TAG}str":
            source.lines.setdefault((*path, str(key.value)), key.start_mark.line + 1)
            source.blame((*path, str(key.value)), "a key has to be plain text; quote it")
            continue
        inner = (*path, str(key.value))
        if key.value in found:
            source.lines[inner] = key.start_mark.line + 1
            source.blame(inner, "the key stands there twice")
            continue
        source.lines[inner] = key.start_mark.line + 1
        found[key.value] = _built(item, inner, source)
    return found


def _scalar(node: yaml.Node, path: Path, source: Source) -> object:
    kind, text = node.tag.removeprefix(_TAG), str(node.value)
    if kind in {"str", "timestamp"}:
        return text
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if kind == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "float" and _DECIMAL.fullmatch(text):
        return float(text)
    source.blame(path, f"YAML reads {text!r} as {kind}; write it plainly, or quote it")
    return None
