"""Routes about the program itself: health, readiness, settings, figures, and the first administrator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import AliasChoices, Field
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.access import actions
from modelwarden.access.answers import new_token_answer
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import PUBLIC, Caller, Door, Public, may
from modelwarden.api.host import Host
from modelwarden.api.limits import Rate
from modelwarden.api.origin import is_local
from modelwarden.api.replies import json_reply
from modelwarden.api.shapes import Shape, Word, answers, pages
from modelwarden.permissions import Permission
from modelwarden.values.answers import TokenAnswer
from modelwarden.values.health import FiguresAnswer, HealthAnswer, SafeguardFigure, SettingAnswer

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["operation"])
root = APIRouter(route_class=StrictRoute, tags=["operation"])

UNAVAILABLE: Final = 503
DOWN: Final = "down"
LIVE: Final = MappingProxyType({"status": "ok"})
SAFEGUARDS: Final = MappingProxyType(
    {
        "switches_live": "Switches that are enforced.",
        "switch_confirmed_ratio": "Part of the guards that were waited for and confirmed enforced switches.",
        "switches_unconfirmed": "Enforced switches that some guard has not confirmed in time.",
        "guards": "Guards heard of in a day, by how long they are silent and the state they told.",
        "guards_oldest_generation": "The oldest snapshot that a guard of the model holds, as of the last two minutes.",
        "proposals_open": "Proposed switches that wait for a person.",
        "triggers_firing": "Triggers of which a step fires.",
        "breaker_fleets": "Models of which so many guards have an open breaker that it was told.",
    }
)
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class State(Shape):
    """Answer of live and ready; `parts` is left out when all is well."""

    status: str
    parts: tuple[str, ...] = ()


class FirstAdministrator(Shape):
    """Body of POST auth/set-up: the secret of the one-time link."""

    secret: Word
    handle: Annotated[Word, Field(validation_alias=AliasChoices("handle", "user_id"))]


@router.get("/health", responses=answers(HealthAnswer))
async def health(caller: Annotated[Caller, may(PUBLIC)]) -> Response:
    """Show the state of each part: 503 while one that writes need is down."""
    found = await caller.host.read(caller.host.warden.operation.health)
    return json_reply(found, status=UNAVAILABLE if found.status == DOWN else 200)


@router.get("/live", responses=answers(State))
async def live(_caller: Annotated[Caller, may(PUBLIC)]) -> Response:
    """Say that the process answers."""
    return json_reply(dict(LIVE))


@router.get("/ready", responses=answers(State))
async def ready(caller: Annotated[Caller, may(PUBLIC)]) -> Response:
    """Say whether writes would be taken now: 200, or 503 and the parts that keep them: a required sink may be one."""
    parts = await caller.host.read(caller.host.warden.operation.unready)
    if parts:
        return json_reply({"status": DOWN, "parts": parts}, status=UNAVAILABLE)
    return json_reply(dict(LIVE))


@router.get("/settings", responses=pages(SettingAnswer))
async def settings(caller: Annotated[Caller, may(Permission.SETTINGS_MANAGE)]) -> Response:
    """List the settings in force; passwords in addresses are masked."""
    return await caller.read(caller.host.warden.operation.settings, lambda _view, found: found)


@router.post("/auth/set-up", status_code=201, responses=answers(TokenAnswer, status=201))
async def set_up(
    body: FirstAdministrator,
    caller: Annotated[Caller, may(Public("set_up"), rate=Rate.SIGN_IN)],
) -> Response:
    """Make the first administrator by the one-time link; the answer holds a token, shown this once."""
    action = partial(actions.set_up, secret=body.secret, handle=body.handle)
    return await caller.write_secret(action, new_token_answer)


class MetricsDoor(Door):
    """Lets callers on this machine in without a token, and others with `metrics.read`."""

    async def admit(self, request: Request) -> Caller:
        """Return who calls."""
        if is_local(request) and "authorization" not in request.headers:
            return await Door(Public("metrics"), self.rate).admit(request)
        return await super().admit(request)


@root.get("/metrics", responses=answers(bytes, kind="text/plain"))
async def metrics(
    caller: Annotated[Caller, Depends(MetricsDoor(Permission.METRICS_READ, None).caller)],
) -> Response:
    """Figures of this process for Prometheus: without a token from this machine, else with `metrics.read`."""
    found = await caller.look(caller.host.warden.operation.figures)
    return Response("".join(_lines(found, caller.host)), media_type=TEXT)


def _lines(found: FiguresAnswer, host: Host) -> list[str]:
    figures = (
        ("ledger_entries", "gauge", "Entries in the ledger.", found.entries),
        ("ledger_signed_entries", "gauge", "Entries that a checkpoint covers.", found.signed),
        ("writer_waiting", "gauge", "Changes that wait for the writer.", found.waiting),
        ("writer_blocked", "gauge", "1 while writes are refused.", int(found.blocked)),
        (
            "read_only",
            "gauge",
            "1 while the key that encrypts texts is missing, so that changes are refused.",
            int(found.read_only),
        ),
        (
            "ledger_verification_failed",
            "gauge",
            "1 from a verification that failed until one over the same entries finds nothing wrong.",
            int(found.verification_failed),
        ),
        (
            "follower_lag_entries",
            "gauge",
            "Entries that the slowest follower has before it.",
            found.follower_lag,
        ),
    )
    lines = []
    for name, kind, meaning, value in figures:
        lines += [_head(name, kind, meaning), f"modelwarden_{name} {value}\n"]
    lines += _endpoint_lines(found)
    lines += _safeguard_lines(found.safeguards)
    if found.sinks:
        lines.append(_head("sink_lag_entries", "gauge", "Entries that a sink has before it."))
        for sink in found.sinks:
            lines.append(f'modelwarden_sink_lag_entries{{sink="{sink.name}"}} {sink.lag_entries}\n')
        lines.append(_head("sink_lag_seconds", "gauge", "Age of the oldest of them."))
        for sink in found.sinks:
            lines.append(f'modelwarden_sink_lag_seconds{{sink="{sink.name}"}} {sink.lag_seconds}\n')
    lines.append(_head("http_responses_total", "counter", "Answers by class of status."))
    for status, count in sorted(host.answers.items()):
        lines.append(f'modelwarden_http_responses_total{{status="{status}"}} {count}\n')
    return lines


def _endpoint_lines(found: FiguresAnswer) -> list[str]:
    """Return state and lag of each endpoint that is not disabled, by its id."""
    if not found.endpoints:
        return []
    waiting = _head("endpoint_waiting_entries", "gauge", "Entries that an endpoint was not served.")
    down = _head("endpoint_down", "gauge", "1 while an endpoint does not answer.")
    for each in found.endpoints:
        which = f'{{endpoint="{each.endpoint}"}}'
        waiting += f"modelwarden_endpoint_waiting_entries{which} {each.waiting}\n"
        down += f"modelwarden_endpoint_down{which} {int(each.state == DOWN)}\n"
    return [waiting, down]


def _safeguard_lines(found: Sequence[SafeguardFigure]) -> list[str]:
    """Return the figures of switches and guards; each name is told, so that alerts find what they ask for."""
    lines = []
    for name, meaning in SAFEGUARDS.items():
        lines.append(_head(name, "gauge", meaning))
        for one in found:
            if one.name == name:
                labels = ",".join(f'{label}="{value}"' for label, value in one.labels)
                lines.append(f"modelwarden_{name}{{{labels}}} {one.value}\n")
    return lines


def _head(name: str, kind: str, meaning: str) -> str:
    return f"# HELP modelwarden_{name} {meaning}\n# TYPE modelwarden_{name} {kind}\n"
