"""A guard in front of a Flask app, which knows its routes (SG-55). It needs the extra `flask`.

    guard_app(app, guard, extract={"consumer": lambda request: request.remote_user})

    @app.post("/score/<customer>")          # the endpoint is "/score/<customer>"
    def score(customer):
        …
        visit().decision                    # how the last prediction of this request came about

Blocked requests are answered 503, those over a limit 429, and every other answer says `Modelwarden-Decision`.
PredictionBlocked and PredictionLimited that a view does not catch are answered, too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from flask import Response, g, request

from modelwarden.errors import PredictionBlocked, PredictionLimited
from modelwarden.integrations.guard_replies import (
    HEADER,
    PROBLEM,
    bare,
    decision_of,
    header_of,
    problem,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from flask import Flask, Request

    from modelwarden.guard.decision import Decision
    from modelwarden.guard.gate import Gate
    from modelwarden.guard.guard import Guard
    from modelwarden.guard.limits import Limits
    from modelwarden.guard.visit import Visit

    Extract = Callable[[Request], object]

VISITS: Final = "modelwarden_visits"


def guard_app(  # noqa: PLR0913 - each is said once per app
    app: Flask,
    guard: Guard,
    *,
    extract: Mapping[str, Extract] | None = None,
    headers: Mapping[str, str] | None = None,
    passes: Collection[str] = (),
    limits: Limits | None = None,
    leaves: Collection[str] = (),
) -> None:
    """Guard every view of an app.

    Args:
        app: the app.
        guard: whose switches count.
        extract: by dimension, what reads its value off a request; `key` for what callers are told apart by.
        headers: by dimension, the header that says it: name only what a proxy of yours sets.
        passes: rules of routes that are not guarded, as those of health checks.
        limits: how many requests are let in.
        leaves: dimensions that only `guard.protect` within knows; see `guard.gate`.
    """
    by_header = {
        dimension: partial(_header_value, name=name) for dimension, name in (headers or {}).items()
    }
    sources: dict[str, Extract] = {"endpoint": _rule, **by_header, **(extract or {})}
    door = _Door(guard.gate(sources, limits=limits, leaves=leaves), frozenset(passes))
    app.before_request(door.enter)
    app.after_request(door.tell)
    app.teardown_request(door.leave)
    app.register_error_handler(PredictionBlocked, _answered)
    app.register_error_handler(PredictionLimited, _answered)


class _Door:
    """What Flask calls around each view."""

    def __init__(self, gate: Gate, passes: frozenset[str]) -> None:
        self._gate, self._passes = gate, passes

    def enter(self) -> Response | None:
        if request.method == "OPTIONS" or _rule(request) in self._passes:
            return None
        entered = self._gate.enter(request)
        _visits().append((self._gate, entered))
        return None if entered.refused is None else _refusal(entered.refused)

    def tell(self, response: Response) -> Response:
        entered = self._visit()
        if entered is None:
            return response
        stopped = self._gate.stopped(entered)
        if stopped is not None:
            response = _refusal(stopped)
        value = header_of(entered, generation=self._gate.generation)
        if HEADER in response.headers:
            value = f"{value};model={bare(self._gate.model)}"
        response.headers.add(HEADER, value)
        return response

    def leave(self, _error: BaseException | None) -> None:
        entered = self._visit()
        if entered is not None:
            self._gate.leave(entered)

    def _visit(self) -> Visit | None:
        return next((entered for mine, entered in _visits() if mine is self._gate), None)


def visit() -> Visit:
    """Return the visit of this request: `decision` says how its last prediction came about.

    Raises LookupError where no guard is in front.
    """
    found = _visits()
    if not found:
        raise LookupError("no guard is in front of this request")
    return found[-1][1]


def _visits() -> list[tuple[Gate, Visit]]:
    found: list[tuple[Gate, Visit]] = g.setdefault(VISITS, [])
    return found


def _rule(asked: Request) -> str | None:
    return None if asked.url_rule is None else asked.url_rule.rule


def _header_value(asked: Request, *, name: str) -> str | None:
    return told(asked.headers.get(name))


def _answered(error: PredictionBlocked | PredictionLimited) -> Response:
    found = _visits()
    if not found:
        return _refusal(decision_of(error))
    gate, entered = found[-1]
    return _refusal(decision_of(error, entered, generation=gate.generation))


def _refusal(decision: Decision) -> Response:
    found = problem(decision)
    response = Response(found.body, status=found.status, content_type=PROBLEM)
    response.headers["Retry-After"] = found.retry_after
    response.headers["Cache-Control"] = "no-store"
    return response
