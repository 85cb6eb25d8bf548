"""Arguments that several nouns share, and how their text is read."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from modelwarden.errors import PolicyInvalid


class VersionReference(NamedTuple):
    """A version as entries name it: MODEL@VERSION."""

    model: str
    version: str


def version_reference(text: str) -> VersionReference:
    """Read MODEL@VERSION."""
    model, at, version = text.partition("@")
    if not (model and at and version):
        raise typer.BadParameter("write a version as MODEL@VERSION, such as churn@1.4.0")
    return VersionReference(model, version)


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """Read NAME=VALUE, once each."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals) or name in found:
            raise typer.BadParameter(f"{option} is NAME=VALUE, each name once; not {text!r}")
        found[name] = value
    return found


def json_object(text: str, option: str) -> dict[str, Any]:
    """Read a JSON object. A figure with a fraction stays the text that it is."""
    try:
        value = json.loads(text, parse_float=str)
    except ValueError as error:
        raise typer.BadParameter(f"{option} is a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{option} is a JSON object")
    return value


def text_file(file: Path) -> str:
    """Read a file that holds text."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file.name} can't be read as UTF-8 text") from error


def json_file(file: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object."""
    return json_object(text_file(file), file.name)


def document(file: Path) -> str:
    """Read a policy's text. Raises PolicyInvalid."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyInvalid((f"{file.name} can't be read as UTF-8 text",)) from error


def tree_file(file: Path) -> dict[str, Any]:
    """Read a file of keys and values, such as kill switches, as YAML with one meaning only."""
    from modelwarden.policies.reading import read  # noqa: PLC0415  # yaml, where a file is read

    try:
        source = read(file.read_text("utf-8"))
        problems = source.problems
    except PolicyInvalid as error:
        raise typer.BadParameter(f"{file.name}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file.name} can't be read as UTF-8 text") from error
    if problems or not isinstance(source.tree, dict):
        raise typer.BadParameter(
            f"{file.name}: {'; '.join(problems) or 'keys and values expected'}"
        )
    return source.tree


def parameter_value(text: str) -> object:
    """Read a parameter: a whole number, true or false, else text."""
    if re.fullmatch(r"-?(0|[1-9][0-9]*)", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text)


VersionArgument = Annotated[
    VersionReference, typer.Argument(metavar="MODEL@VERSION", parser=version_reference)
]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A model's name.")]
UserArgument = Annotated[str, typer.Argument(metavar="USER", help="A handle or id.")]
RequestArgument = Annotated[str, typer.Argument(metavar="REQUEST", help="A request's id: req_….")]
EnvironmentOption = Annotated[str, typer.Option("--environment", "-e", help="Where it goes.")]
LimitOption = Annotated[int, typer.Option("--limit", help="How many, at most 500.")]
CursorOption = Annotated[
    str | None, typer.Option("--cursor", help="Go on from here.", show_default=False)
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept erasably.")]
FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)
]
KEY_SOURCE: Final = "FILE|ssh-agent[:NAME]"
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar=KEY_SOURCE,
        help="Your private key; it signs here and goes nowhere.",
        show_default=False,
    ),
]
BehalfOption = Annotated[
    str | None,
    typer.Option("--on-behalf-of", metavar="USER", help="Who handed on the decision to you."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write there, not to the screen."),
]


def moment_option(text: str) -> datetime:
    """Read a time with its zone, such as 2026-11-20T11:19:40Z."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("write a time as 2026-11-20T11:19:40Z") from error
    if found.tzinfo is None:
        raise typer.BadParameter("say the zone too, as in 2026-11-20T11:19:40Z")
    return found
