"""The overview of somebody who is known: what waits for a person, what is stopped, and what was found wanting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from modelwarden.access.actions import handle_of
from modelwarden.console.desk import Fields, Sheet
from modelwarden.console.drill_pages import GOES_ON, NEWEST, Drilled, drilled
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import CALM_S
from modelwarden.console.local_stop_page import stopped
from modelwarden.console.proposed import proposed
from modelwarden.console.rollout_words import shown as rollout
from modelwarden.console.shown import shown
from modelwarden.console.trigger_words import signal_words
from modelwarden.deployments import actions as deployments
from modelwarden.safeguards import actions
from modelwarden.safeguards.drills.answers import overdue_answer
from modelwarden.values.pages import Page

EACH: Final = Page(limit=20)
"""So many of each kind are named; their own pages have all."""


class Waits(NamedTuple):
    """Something that a person has to decide: what, who asked, since when or how long still, and where."""

    kind: str
    what: str
    words: str
    at: datetime | None
    left_s: int | None
    path: str
    verb: str


def read(view: Any, _query: Fields, frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    running = [
        e for e in drilled(view, actions.drills(view, NEWEST).items) if e.drill.state in GOES_ON
    ]
    overdue = actions.overdue(view, EACH)
    moving = deployments.deployments(view, EACH, state=deployments.DeploymentState.IN_PROGRESS)
    return {
        "waiting": [
            *_proposals(view, frame),
            *_releases(view, frame),
            *_stops(view),
            *_triggers(view),
            *_drills(running),
        ],
        "running": [each for each in running if each.drill.state == "running"],
        "overdue": [overdue_answer(view, each) for each in overdue.items],
        "more_overdue": overdue.next_cursor is not None,
        "moving": [rollout(view, each) for each in moving.items],
        "following": deployments.followings(view, EACH.limit),
        "live": [shown(view, each) for each in frame.live[: EACH.limit]],
        "poll_s": CALM_S,
    }


def _proposals(view: Any, frame: Frame) -> Iterator[Waits]:  # noqa: ANN401  # a view
    for each in proposed(view, frame.proposals[: EACH.limit]):
        yield Waits(
            kind="Proposed switch",
            what=each.scope,
            words=each.saw or f"The trigger {each.proposal.trigger} proposes to stop it.",
            at=None,
            left_s=each.left_s,
            path="/kill-switches/proposals",
            verb="Decide",
        )


def _releases(view: Any, frame: Frame) -> Iterator[Waits]:  # noqa: ANN401  # a view
    for each in frame.live[: EACH.limit]:
        found = shown(view, each)
        if found.switch.state == "release_requested":
            by = found.switch.release_requested_by
            mine = ", you can't confirm it yourself" if by == frame.who else ""
            yield Waits(
                kind="Release requested",
                what=found.scope,
                words=f"{by} asked to release it{mine}.",
                at=found.switch.release_requested_at,
                left_s=None,
                path=f"/kill-switches/{found.switch.id}",
                verb="Review",
            )


def _stops(view: Any) -> Iterator[Waits]:  # noqa: ANN401  # a view
    for each in stopped(view, actions.local_stops(view, EACH, standing=True).items):
        kind = "a stop file" if each.stop.kind == "file" else "a switch that a restore forgot"
        yield Waits(
            kind="Local stop",
            what=each.scope,
            words=f"A guard of {each.stop.model} on {each.stop.host or 'a host'} blocks by {kind}.",
            at=each.stop.seen_at,
            left_s=None,
            path="/local-stops",
            verb="Decide",
        )


def _triggers(view: Any) -> Iterator[Waits]:  # noqa: ANN401  # a view
    for each in actions.triggers(view, EACH, waiting=True).items:
        does = "the end of it" if each.ends else f"version {each.version}"
        yield Waits(
            kind="Trigger",
            what=each.name,
            words=f"{handle_of(view, each.set_by)} asks for {does}: {signal_words(each.signal, each.by)}.",
            at=each.set_at,
            left_s=None,
            path=f"/triggers/{each.name}",
            verb="Review",
        )


def _drills(running: list[Drilled]) -> Iterator[Waits]:
    for each in running:
        if each.drill.state == "requested":
            yield Waits(
                kind="Drill",
                what=f"{each.fault} on {each.scope}",
                words=f"{each.drill.requested_by} asks for it in {each.drill.environment}, {each.share} of the scope.",
                at=each.drill.requested_at,
                left_s=None,
                path=f"/drills/{each.drill.id}",
                verb="Review",
            )


OVERVIEW: Final = Sheet(template="overview.html", title="Overview", place="/", read=read)
