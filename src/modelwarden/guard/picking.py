"""Where the values of a call's context come from: its arguments, what is around it, what is bound (SG-24). Pure.

A parameter's value is what the function gets: what is given, or its default. Where that is None, or there is no such
parameter, `guard.context(…)` and then `guard.bind(…)` are asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from modelwarden.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import ContextVar

    Context = Mapping[str, object]
    Pick = Callable[[tuple[object, ...], Context], tuple[object, ...]]


class Parameter(NamedTuple):
    """Where a parameter stands among those given by position, and what it is if it is not given."""

    place: int | None
    default: object


class Parameters(dict[str, Parameter]):
    """The parameters of a protected function, by name.

    Attributes:
        takes_any: values may be given under further names.
    """

    takes_any = False

    @property
    def first(self) -> str | None:
        """The name of the first one, which holds the inputs."""
        return next(iter(self), None)


def parameters_of(function: Callable[..., Any]) -> Parameters:
    """Return the parameters of a function; one that tells none may take any."""
    import inspect  # noqa: PLC0415 - 6 ms that an import is spared

    found = Parameters()
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        found.takes_any = True
        return found
    for place, parameter in enumerate(signature.parameters.values()):
        found.takes_any |= parameter.kind is parameter.VAR_KEYWORD
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        is_placed = parameter.kind is not parameter.KEYWORD_ONLY
        default = None if parameter.default is parameter.empty else parameter.default
        found[parameter.name] = Parameter(place if is_placed else None, default)
    return found


class Around:
    """What is known around calls: set for a block of code, and bound for good."""

    __slots__ = ("bound", "variable")

    def __init__(self, variable: ContextVar[Context], bound: Context) -> None:
        self.variable = variable
        self.bound = bound

    def get(self, name: str) -> object:
        """Return a value, or None."""
        value = self.variable.get().get(name)
        return self.bound.get(name) if value is None else value


class Picker:
    """Takes the values of some names out of a call."""

    __slots__ = ("_around", "_wanted", "names")

    def __init__(self, names: tuple[str, ...], parameters: Parameters, around: Around) -> None:
        self.names = names
        self._around = around
        absent = Parameter(None, None)
        self._wanted = tuple((name, *parameters.get(name, absent)) for name in names)

    def values(self, args: tuple[object, ...], kwargs: Context) -> tuple[object, ...]:
        """Return the values, None for those that nobody gives."""
        found = []
        for name, place, default in self._wanted:
            value = (
                args[place]
                if place is not None and place < len(args)
                else kwargs.get(name, default)
            )
            if value is None:
                value = self._around.get(name)
            found.append(value)
        return tuple(found)

    def value(self, args: tuple[object, ...], kwargs: Context) -> object:
        """Return the first value alone."""
        return self.values(args, kwargs)[0]

    @property
    def quickest(self) -> Pick:
        """Return what does as `values` does; for one name without a loop, as it is asked before each call."""
        if len(self.names) != 1:
            return self.values
        name, place, default = self._wanted[0]
        first = len(self._wanted) if place is None else place
        around = self._around

        def one(args: tuple[object, ...], kwargs: Context) -> tuple[object, ...]:
            value = (
                args[first]
                if place is not None and len(args) > first
                else kwargs.get(name, default)
            )
            if value is None:
                value = around.get(name)
            return (value,)

        return one


def check_names(context: Context) -> None:
    """Refuse what can't be a dimension's name. Raises ValueInvalid."""
    for name in context:
        if name == "model":
            raise ValueInvalid("model", "no context: a guard is of one model")
