"""Routes between guards and the server: snapshots, their keys, and what guards say of themselves (SG-20, SG-23)."""

from __future__ import annotations

import base64
from functools import partial
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.access.actions import snapshot_keys
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import OWN, Caller, may
from modelwarden.api.limits import Rate
from modelwarden.api.replies import JSON, json_reply
from modelwarden.api.shapes import Moment, Shape, Word, answers, page, pages
from modelwarden.api.streams import EventStream
from modelwarden.ledger.keys import PublicKey
from modelwarden.permissions import Permission
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import actions
from modelwarden.safeguards.fleet.reads import guard_answer
from modelwarden.safeguards.modes.setting import guard_mode_answer
from modelwarden.values.clock import timestamp
from modelwarden.values.guards import GuardAnswer, GuardModeAnswer
from modelwarden.values.ids import LABEL
from modelwarden.values.pages import Page
from modelwarden.values.words import maybe_named, named

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["guards"])

LONGEST_WAIT_S: Final = 25
EVENTS: Final = "text/event-stream"
Listener = Annotated[Caller, may(Permission.GUARD_READ, rate=Rate.SNAPSHOT)]
Name = Annotated[str, Query(min_length=1, max_length=128)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Value = Annotated[str, StringConstraints(max_length=256)]
Span = Annotated[float, Field(ge=0, le=1e9)]


class SnapshotAnswer(Shape):
    """A signed head over a body; the body in base64, left out where the caller has it."""

    head: dict[str, object]
    body: str | None = None


class KeysAnswer(Shape):
    """Keys as PEM SubjectPublicKeyInfo, the current one last; envelopes in which one key names the next."""

    keys: tuple[str, ...]
    handovers: tuple[dict[str, object], ...]


class LoadedVersion(Shape):
    """A version that a guard has loaded."""

    label: Word
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


class Signal(Shape):
    """Something amiss among a guard's calls."""

    signal: Annotated[str, Field(pattern="^[a-z][a-z_]{0,31}$")]
    since: Moment
    n: Count
    value: Span


class ReportedStop(Shape):
    """Something that a guard blocks by itself: by a stop file, or a switch that it carries on, by its whole rule."""

    scope: Annotated[dict[str, Any], Field(max_length=32)]
    since: Moment
    carried: bool = False
    rule: Annotated[dict[str, Any], Field(max_length=32)] | None = None

    def value(self) -> actions.SaidStop:
        """Return what the action takes."""
        return actions.SaidStop(self.scope, timestamp(self.since), self.rule)


class TrafficCell(Shape):
    """So many decisions of calls of which a guard knows these values."""

    context: Annotated[dict[Word, Value], Field(max_length=32)]
    n: Count


class Traffic(Shape):
    """What a guard decided in the last hour, or since it began."""

    span_s: Annotated[int, Field(ge=0, le=3_600)]
    cells: Annotated[list[TrafficCell], Field(max_length=32)]

    def value(self) -> actions.Traffic:
        """Return what the action takes."""
        cells = tuple(actions.Cell(each.context, each.n) for each in self.cells)
        return actions.Traffic(self.span_s, cells)


class CountedVersion(Shape):
    """What became of the calls that a route gave to a version, since the guard began."""

    label: Annotated[str, Field(pattern=rf"^{LABEL.pattern}$")]
    calls: Count
    failed: Count
    busy_ms: Count
    differed: Count


class Applied(Shape):
    """Body of POST snapshot/applied: what a guard holds, after each change and as a heartbeat."""

    instance: Word
    host: Word
    pid: Count
    model: Word
    environment: Word = "production"
    epoch: Count
    generation: Count
    source: Word
    applied_ms: Span = 0
    age_s: Span | None = None
    state: Word
    versions: Annotated[list[LoadedVersion], Field(max_length=100)] = Field(default_factory=list)
    rejected: Word | None = None
    counts: Annotated[dict[Word, Count], Field(max_length=64)] = Field(default_factory=dict)
    signals: Annotated[list[Signal], Field(max_length=16)] = Field(default_factory=list)
    traffic: Traffic | None = None
    local_stops: Annotated[list[ReportedStop], Field(max_length=20)] = Field(default_factory=list)
    by_version: Annotated[list[CountedVersion], Field(max_length=16)] = Field(default_factory=list)

    def value(self) -> actions.Report:
        """Return what the action takes. Raises ValueInvalid."""
        return actions.Report(
            instance=self.instance,
            host=self.host,
            pid=self.pid,
            topic=actions.Topic(self.environment, self.model),
            epoch=self.epoch,
            generation=self.generation,
            source=self.source,
            applied_ms=round(self.applied_ms),
            age_s=None if self.age_s is None else round(self.age_s),
            state=self.state,
            versions=tuple(
                actions.LoadedVersion(each.label, each.sha256) for each in self.versions
            ),
            rejected=self.rejected,
            counts=self.counts,
            signals=tuple(
                actions.Signal(each.signal, timestamp(each.since), each.n, each.value)
                for each in self.signals
            ),
            traffic=None if self.traffic is None else self.traffic.value(),
            local_stops=tuple(each.value() for each in self.local_stops),
            by_version=tuple(
                actions.VersionCount(
                    each.label, each.calls, each.failed, each.busy_ms, each.differed
                )
                for each in self.by_version
            ),
        )


@router.get("/snapshot", responses=answers(SnapshotAnswer))
async def snapshot(
    caller: Listener,
    model: Name,
    *,
    environment: Name = "production",
    have: Annotated[str, Query(max_length=64)] = "",
    wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT_S)] = 0,
) -> Response:
    """Return the snapshot of a model; with `wait`, once its body is another than the caller has, or after so long."""
    topic = await caller.look(partial(actions.may_hold, topic=actions.Topic(environment, model)))
    streams = caller.host.streams
    found = await (streams.next(topic, have, wait) if wait else streams.newest(topic))
    data = found.head_only if found.body_sha256 == have else found.whole
    return Response(data, headers={"ETag": f'"{found.etag}"'}, media_type=JSON)


@router.get("/snapshot/stream", responses=answers(bytes, kind=EVENTS))
async def stream(
    request: Request, caller: Listener, model: Name, *, environment: Name = "production"
) -> Response:
    """Send the snapshot of a model as server-sent events: at once, on each change, and a fresh head each 30 s."""
    check = partial(caller.look, partial(actions.may_hold, topic=actions.Topic(environment, model)))
    topic = await check()
    seen = request.headers.get("last-event-id")
    return EventStream(caller.host.streams, topic, seen=seen, recheck=check)


@router.get("/snapshot/keys", responses=answers(KeysAnswer))
async def keys(caller: Annotated[Caller, may(OWN, rate=Rate.SNAPSHOT)]) -> Response:
    """List the keys that sign snapshots, and what each said of the one that follows it."""
    found = await caller.look(snapshot_keys)
    if not found.keys:
        await caller.host.read(caller.host.warden.snapshots.make_key)
        found = await caller.look(snapshot_keys)
    pems = [PublicKey.from_spki(base64.b64decode(key.public)).pem for key in found.keys]
    handovers = [orjson.loads(each.to_line()) for each in found.handovers]
    return json_reply({"keys": pems, "handovers": handovers})


@router.post("/snapshot/applied", status_code=204, responses=answers(None, status=204))
async def applied(
    body: Applied, caller: Annotated[Caller, may(Permission.GUARD_REPORT, rate=Rate.TELEMETRY)]
) -> Response:
    """Take what a guard says of itself: of models alone that its token may report for."""
    report = body.value()
    found = await caller.look(partial(actions.accept_report, report=report))
    caller.host.warden.reports.take(found)
    return Response(status_code=204)


@router.get("/guards", responses=pages(GuardAnswer))
async def guards(
    caller: Annotated[Caller, may(Permission.SWITCH_READ)],
    part: Annotated[Page, Depends(page)],
    *,
    model: Annotated[str | None, Query(max_length=128)] = None,
    environment: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """List the guards that were heard of in the last day."""
    action = partial(actions.guards, page=part, model=model, environment=environment)
    return await caller.page(action, guard_answer, name="guards")


class Mode(Shape):
    """Body of PUT guards/{model}/mode: what is left out stays."""

    environment: Word = "production"
    fail: Word | None = None
    breakers: Word | None = None


@router.get("/guards/{model}/mode", responses=answers(GuardModeAnswer))
async def mode(
    model: str,
    caller: Annotated[Caller, may(Permission.SWITCH_READ)],
    environment: Annotated[str, Query(max_length=64)] = "production",
) -> Response:
    """Say how the guards of a model behave: without news, and whether their breakers only count."""
    place = named(Environment, environment, field="environment")
    action = partial(actions.guard_mode, model=model, environment=place)
    return await caller.read(action, guard_mode_answer)


@router.put("/guards/{model}/mode", responses=answers(GuardModeAnswer))
async def set_mode(
    model: str, body: Mode, caller: Annotated[Caller, may(Permission.SWITCH_ACTIVATE)]
) -> Response:
    """Let the guards of a model fail static or closed, or let go of breakers that only count."""
    place = named(Environment, body.environment, field="environment")
    action = partial(
        actions.set_guard_mode,
        model=model,
        environment=place,
        fail=maybe_named(actions.FailMode, body.fail, field="fail"),
        breakers=maybe_named(actions.BreakerMode, body.breakers, field="breakers"),
    )
    again = partial(_mode_again, model=model, environment=place)
    return await caller.write(action, guard_mode_answer, again=again)


def _mode_again(
    view: Any,  # noqa: ANN401  # a view
    _found: str,
    *,
    model: str,
    environment: Environment,
) -> GuardModeAnswer:
    return guard_mode_answer(view, actions.guard_mode(view, model, environment=environment))
