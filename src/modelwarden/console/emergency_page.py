"""The page of emergency changes: which were made, who still has to agree or look back, and a form for one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.answers import dossier_answer
from modelwarden.console.desk import Change, Fields, Hashing, Sheet
from modelwarden.console.frame import Frame
from modelwarden.deployments import actions
from modelwarden.deployments.answers import deployment_answer, emergency_answer
from modelwarden.errors import FormInvalid, NotFound
from modelwarden.values.answers import DeploymentAnswer, RequestAnswer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import named

ROWS: Final = 25


class Shown(NamedTuple):
    """An emergency change with its state in words, and the request as far as the reader may see it."""

    change: DeploymentAnswer
    standing: tuple[str, str]
    asked: RequestAnswer | None


def read_emergencies(view: Any, query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows."""
    found = emergency_rows(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    asked = approvals.approvals(
        view,
        Page(limit=ROWS),
        state=approvals.RequestState.OPEN,
        kind=approvals.RequestType.EMERGENCY,
    )
    made = {each.request for each in found.items}
    return {
        "rows": [Shown(each, _standing(each), _asked(view, each.request)) for each in found.items],
        "opened_requests": [
            dossier_answer(view, approvals.approval(view, one.id))
            for one in asked.items
            if one.id not in made
        ],
        "more": found.next_cursor,
        "given": kept if kept.get("do") == "make" else {},
    }


def emergency_rows(view: Any, query: Fields, page: Page) -> Listing[DeploymentAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of emergency changes."""
    kind = actions.DeploymentKind.EMERGENCY
    found = actions.deployments(view, page, model=query.get("model"), kind=kind)
    return Listing(tuple(deployment_answer(view, each) for each in found.items), found.next_cursor)


def step(do: str, _query: Fields, kept: Fields) -> Change | Hashing:
    """Return the step that a form of the page asks for. Raises FormInvalid, ValueInvalid."""
    if do == "make":
        return _make(kept)
    if do != "review":
        raise FormInvalid("send a form of the page")
    act = partial(
        actions.review,
        deployment_id=kept.get("deployment", ""),
        outcome=named(actions.ReviewOutcome, kept.get("outcome", ""), field="outcome"),
        findings=kept.get("findings", ""),
    )
    return lambda change: deployment_answer(change, act(change))


def _make(kept: Fields) -> Hashing:
    model, version = kept.get("model", ""), kept.get("version", "")

    def act(change: Any, prepared: actions.Prepared) -> Any:  # noqa: ANN401  # a change
        made = actions.emergency(
            change,
            model,
            version,
            prepared=prepared,
            reason=kept.get("reason", ""),
            ticket=kept.get("ticket", ""),
        )
        return emergency_answer(change, made)

    return Hashing(partial(actions.candidate, model=model, version=version), act)


def _asked(view: Any, request: str | None) -> RequestAnswer | None:  # noqa: ANN401  # a view
    if request is None:
        return None
    try:
        return dossier_answer(view, approvals.approval(view, request))
    except NotFound:
        return None


def _standing(each: DeploymentAnswer) -> tuple[str, str]:
    if each.held and each.state == "live":
        return "bad", "Can't go back"
    if each.state == "rolled_back":
        return "mut", "Rolled back"
    if each.state in {"aborted", "failed"}:
        return "mut", "Broken off"
    if each.approved_at is not None:
        return "ok", "Approved"
    if each.state == "superseded":
        return "mut", "Superseded"
    return ("warn", "Waits for approval") if each.state == "live" else ("info", "Under way")


EMERGENCIES: Final = Sheet(
    template="emergencies.html",
    title="Emergency changes",
    place="/emergencies",
    read=read_emergencies,
    names=("model", "cursor"),
    rows=emergency_rows,
    step=step,
)
