"""How a function becomes a verb: every one takes `--as` and `--json`, and every refusal ends in its exit code.

A verb is a function whose first parameter is a `Run`. Exit codes: 0 done, 1 refused or failed check, 2 usage, 3 unknown
or stale only, 4 waiting for approval, 5 unreachable or internal.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, NamedTuple, ParamSpec

import typer
from typer.core import TyperCommand

from modelwarden.cli.refusal import exit_code, tell
from modelwarden.cli.run import Run
from modelwarden.errors import WardenError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")

ActingAs = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who acts, on a database URL.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer for programs.", show_default=False)]

_EXTRA: Final = (
    ("context", typer.Context, inspect.Parameter.empty),
    ("acting_as", ActingAs, None),
    ("as_json", AsJson, False),
)


class _Command(TyperCommand):
    """A command whose help shows a flag as one, not as an option that takes a word."""

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]  # Typer's own context
        """Return the parameters, flags without a word for what they take."""
        found = list(super().get_params(ctx))
        for each in found:
            if getattr(each, "is_flag", False):
                each.metavar = ""
        return found


class Before(NamedTuple):
    """The same options, as they stood before the noun."""

    acting_as: str | None
    as_json: bool


def noun(name: str, says: str) -> typer.Typer:
    """Return an empty noun."""
    return typer.Typer(name=name, help=says, no_args_is_help=True)


def verb(
    noun: typer.Typer, name: str | None = None, *, panel: str | None = None
) -> Callable[[Callable[Concatenate[Run, P], None]], Callable[Concatenate[Run, P], None]]:
    """Add a function to a noun as a verb, under its own name or another; `panel` is the group that help shows it in."""

    def add(function: Callable[Concatenate[Run, P], None]) -> Callable[Concatenate[Run, P], None]:
        called = name or function.__name__.strip("_").replace("_", "-")
        noun.command(called, cls=_Command, rich_help_panel=panel)(_door(function))
        return function

    return add


def _door(function: Callable[Concatenate[Run, P], None]) -> Callable[..., None]:
    """Return what Typer calls: it makes the Run, and turns errors into words and an exit code."""

    @wraps(function)
    def run(
        *,
        context: typer.Context,
        acting_as: str | None,
        as_json: bool,
        **given: Any,  # noqa: ANN401  # as Typer parsed them
    ) -> None:
        before = context.obj if isinstance(context.obj, Before) else Before(None, as_json=False)
        this = Run(acting_as=acting_as or before.acting_as, as_json=as_json or before.as_json)
        try:
            function(this, **given)  # type: ignore[call-arg]  # Typer read the very signature
        except WardenError as error:
            tell(error, as_json=this.screen.as_json)
            raise typer.Exit(exit_code(error)) from error
        finally:
            this.close()

    signature = inspect.signature(function, eval_str=True)
    own = list(signature.parameters.values())[1:]
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in _EXTRA
    ]
    shown = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + extra
    run.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in shown} | {"return": None}
    del run.__wrapped__  # Typer would look through it
    return run
