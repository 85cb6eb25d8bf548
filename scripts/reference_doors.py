"""The pages of the doors: command line, Python SDK and, from its OpenAPI document, REST. Used by reference.py."""

# ruff: noqa: INP001  # stands beside a script, in no package

from __future__ import annotations

from inspect import isfunction, signature
from types import FunctionType, SimpleNamespace
from typing import Any, cast

import typer
from reference_text import code, page, sentence, table

from modelwarden.api.app import create_app
from modelwarden.api.reference import rooms
from modelwarden.api.shapes import CLAIMS
from modelwarden.cli import main as command_line
from modelwarden.config import Settings
from modelwarden.warden.rooms import Rooms


def commands() -> str:
    """Return every command with its arguments and options."""
    whole = typer.main.get_command(command_line.app)
    nouns, alone = [], []
    for name, each in sorted(vars(whole)["commands"].items()):
        verbs = vars(each).get("commands")
        if verbs is None:
            alone.append(one_command(f"modelwarden {name}", each))
            continue
        parts = [one_command(f"modelwarden {name} {verb}", inner) for verb, inner in verbs.items()]
        nouns.append("\n\n".join([f"## {name}", sentence(each.help), *parts]))
    single = ["\n\n".join(["## Commands without a noun", *alone])] if alone else []
    return page(
        "Command line",
        f"`modelwarden NOUN VERB`. {whole.epilog} `--json` gives the answer for programs; `--as NAME` says who acts on "
        "a database URL, where a token does against a server. `--help` says the same as this page.",
        *nouns,
        *single,
    )


def one_command(line: str, command: Any) -> str:  # noqa: ANN401  # Typer hands out its own classes
    """Return one command."""
    given = [p for p in command.params if p.name not in {"acting_as", "as_json", "help"}]
    arguments = [p for p in given if p.param_type_name == "argument"]
    options = [p for p in given if p.param_type_name != "argument" and not p.hidden]
    written = " ".join(
        f"{a.metavar or a.name.upper()}" if a.required else f"[{a.metavar or a.name.upper()}]"
        for a in arguments
    )
    parts = [
        f"### {line}",
        f"```text\n{line} {written}".rstrip() + "\n```",
        sentence(command.help, lines=True),
    ]
    if options:
        parts.append(
            table(["option", "default", "meaning"], (option_row(o) for o in options)).strip()
        )
    return "\n\n".join(parts)


def option_row(option: Any) -> list[str]:  # noqa: ANN401
    """Return one option: how it is written, its default, its help."""
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {code(option.metavar or option.name.upper())}"
    default = "required" if option.required else ""
    if not option.required and option.default not in (None, "", False, ()):
        default = code(str(option.default).lower() if option.is_flag else option.default)
    several = "; may be repeated" if option.multiple else ""
    return [names + value, default, f"{sentence(option.help)}{several}".removeprefix("; ")]


def sdk() -> str:
    """Return every method of the SDK, room by room."""
    nobody = vars(Rooms(cast("Any", None), cast("Any", None)))
    rooms_of_sdk = [
        f"## {name}\n\n{sentence(type(room).__doc__)}\n\n"
        + "\n\n".join(
            f"### {name}.{method}\n\n```text\n{written(name, method, function)}\n```\n\n{told(function)}"
            for method, function in vars(type(room)).items()
            if isfunction(function) and not method.startswith("_")
        )
        for name, room in nobody.items()
    ]
    return page(
        "Python SDK",
        "`mw.open(url)` opens a database in this process; its `acting_as(name)` gives the rooms below. "
        "`mw.connect(address, token=…)` gives the same rooms over HTTP. Answers are frozen dataclasses; lists are "
        "pages with `items` and `next_cursor`. Errors are the classes of `modelwarden.errors`, listed with their "
        "[codes](errors.md); those that a method raises stand with it.",
        *rooms_of_sdk,
    )


def written(room: str, method: str, function: FunctionType) -> str:
    """Return a call as its signature has it, without types."""
    found = signature(function)
    plain = [p.replace(annotation=p.empty) for p in list(found.parameters.values())[1:]]
    return f"{room}.{method}{found.replace(parameters=plain, return_annotation=found.empty)}"


def told(function: FunctionType) -> str:
    """Return a docstring as one paragraph."""
    return sentence(" ".join((function.__doc__ or "").split()))


def rest() -> str:
    """Return every route with its permission, as the OpenAPI document tells it."""
    # The document needs no database: a warden that has settings and nothing else will do.
    app = create_app(cast("Any", SimpleNamespace(settings=Settings())))
    sections = [
        f"## {room}\n\n"
        + table(
            ["method", "path", "permission", "what it does", "query", "body"],
            (route_row(each) for each in routes),
        )
        for room, routes in rooms(app.openapi()).items()
    ]
    return page(
        "REST",
        "Paths as a server has them; the same document as OpenAPI 3.1 is at `/api/governance/openapi.json`, and to "
        "look through at `/api/docs`. Send `Authorization: Bearer mwp_…`. `public` needs no token; `own` takes any "
        "valid one and shows what is the caller's own, and more to who holds more rights. Fields with a star are "
        "required. What else is true of every route, and which names of the source documents are understood, stands "
        "in the [guide to curl](../how-to/curl.md).",
        *sections,
    )


def route_row(route: dict[str, Any]) -> list[str]:
    """Return one route."""
    query = (named(p["name"], p["required"]) for p in route["parameters"] if p["in"] == "query")
    body = (named(p["name"], p["required"]) for p in route["body"] if p["name"] not in CLAIMS)
    return [
        route["method"],
        code(route["path"]),
        code(route["permission"]),
        sentence(route["description"]),
        ", ".join(query),
        ", ".join(body),
    ]


def named(name: str, required: bool) -> str:  # noqa: FBT001  # as OpenAPI has it
    """Return a field, with a star if it is required."""
    return f"`{name}`{'*' if required else ''}"
