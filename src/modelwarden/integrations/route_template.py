"""The template of the route that a request takes in Starlette and FastAPI, `/score/{customer}`: never its path.

Where a router has chosen the route it is read off the scope. In front of the router, the routes of the app are asked
in their order, as the router will; that takes as long as routing does, and happens only when a switch names endpoints.
What is not found is missing, and matches (SG-4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    Scope = MutableMapping[str, Any]

FULL: Final = 2
"""`starlette.routing.Match.FULL`, without importing it."""

DEEPEST: Final = 16


def template_of(scope: Scope) -> str | None:
    """Return the template, or None."""
    route = scope.get("route")
    if route is not None:
        return _chosen(scope, route)
    routes = getattr(scope.get("app"), "routes", None)
    return None if routes is None else _found(routes, dict(scope), "", DEEPEST)


def _chosen(scope: Scope, route: Any) -> str | None:  # noqa: ANN401 - of a framework
    """Return the template of the route that was chosen, behind what it is mounted at."""
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    included = context is not None and getattr(context, "original_route", None) is route
    own = _path(context if included else route)  # the prefix of a router that was included is there
    if own is None:
        return None
    named = getattr(route, "param_convertors", {}).keys()
    if not scope.get("path_params", {}).keys() <= named:
        return None  # what it is mounted at has parameters, and their values stand in the path
    mounted = scope.get("root_path", "").removeprefix(scope.get("app_root_path", ""))
    return f"{mounted}{own}"


def _found(routes: Any, scope: Scope, before: str, depth: int) -> str | None:  # noqa: ANN401
    for route in _flat(routes):
        match, child = route.matches(scope)
        if match.value != FULL:
            continue
        own = _path(route)
        inner = getattr(getattr(route, "original_route", route), "routes", None)
        if own is None or inner is None:
            return None if own is None else f"{before}{own}"
        if not depth:
            return None
        mounted = own.removesuffix("/{path}").removesuffix("/{path:path}")
        return _found(inner, {**scope, **child}, f"{before}{mounted}", depth - 1)
    return None


def _flat(routes: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield the routes; FastAPI keeps those of a router that was included behind one that has no path."""
    for route in routes:
        each = getattr(route, "effective_route_contexts", None)
        if each is None:
            yield route
        else:
            yield from each()


def _path(route: Any) -> str | None:  # noqa: ANN401
    starlette = getattr(route, "starlette_route", None)
    for one in (starlette, route):
        path = getattr(one, "path_format", None) or getattr(one, "path", None)
        if isinstance(path, str) and path:
            return path
    return None
