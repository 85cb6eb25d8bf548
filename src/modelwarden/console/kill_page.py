"""The page of kill switches: what is stopped on top, a stop by model, and what was. It works without script.

Until this console has sign-in, each form carries a token, typed for that one step: it is kept nowhere, stands in no
page and no cookie, and another site can't send it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from modelwarden.access.actions import handle_of
from modelwarden.api.caller import settled
from modelwarden.api.host import Host
from modelwarden.api.limits import Rate
from modelwarden.api.origin import address_of
from modelwarden.console.forms import form
from modelwarden.errors import FormInvalid, Refusal, Unauthenticated, WardenError
from modelwarden.registry import actions as registry
from modelwarden.safeguards import actions
from modelwarden.safeguards.answers import activation_answer, switch_answer
from modelwarden.values.pages import Page
from modelwarden.values.principal import Principal
from modelwarden.values.switches import SwitchAnswer
from modelwarden.values.words import named

FORM_BYTES: Final = 32 * 1024
MODELS, LIVE, PAST = Page(limit=100), Page(limit=50), Page(limit=20)
GETS: Final = MappingProxyType(
    {
        "block": "no prediction",
        "observe": "the prediction; matching calls are counted",
        "chain": "the guard's own fallback",
        "last_known_good": "the last known good value",
        "baseline": "the approved baseline",
        "default": "the default value",
        "custom": "the guard's custom fallback",
    }
)


class Shown(NamedTuple):
    """A switch, with words for its scope, for what callers get, and for how long it has stood."""

    switch: SwitchAnswer
    scope: str
    gets: str
    stood: str


class Content(NamedTuple):
    """What the page shows to one reader."""

    who: str
    models: tuple[tuple[str, int], ...]
    more_models: bool
    live: tuple[Shown, ...]
    more_live: bool
    past: tuple[Shown, ...]


class Done(NamedTuple):
    """What a step came to, and the entry that records it."""

    switch: SwitchAnswer
    entry: int


class KillPage:
    """The page for one app; `page` fills a template in."""

    def __init__(self, host: Host, page: Callable[..., Response]) -> None:
        self._host, self._page = host, page

    async def ask(self, request: Request) -> Response:
        """Ask for a token."""
        self._host.limits.take(Rate.READ, self._address(request))
        return self._page("kill_token.html", problem=None)

    async def act(self, request: Request) -> Response:
        """Do what a form asks, and show what stands afterwards."""
        try:
            fields = await form(request, size_bytes=FORM_BYTES)
            principal = await self._who(request, fields.get("token", ""))
        except WardenError as error:
            return self._page("kill_token.html", problem=str(error), status=error.status)
        done, problem = None, None
        try:
            done = await self._step(principal, fields)
        except WardenError as error:
            problem = error
        content = await self._host.look(principal, _content)
        return self._page(
            "kill.html",
            content=content,
            done=done,
            problem=problem,
            refusal=problem.entry if isinstance(problem, Refusal) else None,
            kept={name: value for name, value in fields.items() if name != "token"},
            status=200 if problem is None else problem.status,
        )

    async def _who(self, request: Request, token: str) -> Principal:
        """Return who a token stands for. Raises Unauthenticated, RateLimited."""
        warden, address = self._host.warden, self._address(request)
        try:
            found = warden.known(token, address=address)
            if found is None:
                found = await self._host.read(lambda: warden.authenticate(token, address=address))
        except Unauthenticated as error:
            self._host.limits.take(Rate.SIGN_IN, address)
            raise Unauthenticated(
                "this token is not valid; take one from `modelwarden tokens create`"
            ) from error
        return found

    async def _step(self, principal: Principal, fields: Mapping[str, str]) -> Done | None:
        """Carry one step out. Raises whatever its action raises."""
        step = fields.get("do", "look")
        self._host.limits.take(Rate.READ if step == "look" else Rate.RESERVE, principal.actor)
        if step == "look":
            return None
        change = _stop(fields) if step == "stop" else _move(step, fields)
        answer = await settled(self._host.warden.submit(principal, change))
        return Done(answer.value, answer.receipt.seq)

    def _address(self, request: Request) -> str:
        return address_of(request, self._host.warden.settings.behind_proxy)


def _stop(fields: Mapping[str, str]) -> Callable[[Any], SwitchAnswer]:
    model = fields.get("model", "")
    if not model or fields.get("typed") != model:
        raise FormInvalid(f"type the name of the model once more to stop it: {model}")
    region = fields.get("region", "")
    fallback = fields.get("fallback", "")
    new = actions.NewSwitch(
        reason=fields.get("reason", ""),
        scope={"model": model} | ({"region": region} if region else {}),
        environment=named(
            actions.Environment, fields.get("environment", "production"), field="environment"
        ),
        severity=named(actions.SwitchSeverity, fields.get("severity", "SEV2"), field="severity"),
        fallback=actions.steps(fallback or None),
    )
    return lambda change: activation_answer(change, actions.activate(change, new))


def _move(step: str, fields: Mapping[str, str]) -> Callable[[Any], SwitchAnswer]:
    switch, notes = fields.get("switch", ""), fields.get("notes", "")
    moves: Mapping[str, Callable[[Any], Any]] = {
        "request": partial(actions.request_release, switch_id=switch, notes=notes),
        "confirm": partial(actions.confirm_release, switch_id=switch, notes=notes),
        "refuse": partial(actions.refuse_release, switch_id=switch, notes=notes),
        "withdraw": partial(actions.withdraw_release, switch_id=switch, notes=notes or None),
    }
    if step not in moves:
        raise FormInvalid("send a form of the page")
    return lambda change: switch_answer(change, moves[step](change))


def _content(view: Any) -> Content:  # noqa: ANN401  # a view
    models = registry.models(view, MODELS)
    wanted = actions.SwitchFilter(live=True)
    live = actions.switches(view, LIVE, wanted=wanted)
    past = actions.switches(view, PAST).items
    stopped = [each.id for each in live.items]
    return Content(
        who=handle_of(view, view.actor),
        models=tuple((each.name, _live_for(live.items, each)) for each in models.items),
        more_models=models.next_cursor is not None,
        live=tuple(_shown(view, each) for each in live.items),
        more_live=live.next_cursor is not None,
        past=tuple(_shown(view, each) for each in past if each.id not in stopped),
    )


def _live_for(live: Any, model: Any) -> int:  # noqa: ANN401  # switches, and a model
    """Return how many of the switches that are shown may touch a model."""
    return sum(actions.may_touch(each, model.name, model.type) for each in live)


def _shown(view: Any, switch: Any) -> Shown:  # noqa: ANN401  # a view, and a switch
    answer = switch_answer(view, switch)
    until = answer.ended_at or view.now
    steps = answer.fallback or (answer.action,)
    return Shown(
        switch=answer,
        scope=scope_words(answer),
        gets=", else ".join(GETS[step] for step in steps),
        stood=_stood(answer.activated_at, until),
    )


def scope_words(switch: SwitchAnswer) -> str:
    """Return a scope as people say it: `churn, region eu or us, segment other than vip`."""
    if switch.everything:
        return f"everything in {switch.environment}"
    words = [_condition_words(name, raw) for name, raw in switch.scope.items()]
    carved = [_condition_words(name, raw) for name, raw in switch.exception.items()]
    return ", ".join(words) + (f"; not {' with '.join(carved)}" if carved else "")


def _condition_words(name: str, raw: Any) -> str:  # noqa: ANN401  # a condition as JSON
    shown = "" if name == "model" else f"{name.replace('_', ' ')} "
    if isinstance(raw, list):
        return shown + " or ".join(raw)
    if "not_in" in raw:
        return f"{name.replace('_', ' ')} other than {' or '.join(raw['not_in'])}"
    return f"{name.replace('_', ' ')} beginning with {raw['prefix']}"


def _stood(since: datetime, until: datetime) -> str:
    seconds = max(0, int((until - since).total_seconds()))
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3_600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {clock}" if days else clock
