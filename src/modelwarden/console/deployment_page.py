"""The page of one deployment: its steps and what they wait for, who agreed, its story, and what may be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.access.actions import handle_of
from modelwarden.audit import actions as audit
from modelwarden.console.desk import Change, Fields, Hashing, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.gate_words import RULES, against
from modelwarden.console.rollout_words import UNDER_WAY, shown
from modelwarden.deployments import actions
from modelwarden.deployments.answers import deployment_answer
from modelwarden.errors import FormInvalid, NothingToRollBackTo
from modelwarden.values.clock import moment
from modelwarden.values.pages import Page
from modelwarden.values.words import named

LOOKED_AT: Final = 100
"""Of so many entries of its version those about this deployment stand in its story."""
BEFORE: Final = 10
WAITS_S, CALM_S = 5, 30
TOLD: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "deployment.started": ("me", "rocket", "started it"),
        "step.advanced": ("ok", "arrow-right", "took a step"),
        "route.moved": ("mut", "arrow-right", "moved the route of calls"),
        "rollout.held": ("warn", "circle-pause", "told what it waits for"),
        "deployment.live": ("ok", "circle-check", "let it go live"),
        "deployment.aborted": ("bad", "octagon-x", "broke it off"),
        "deployment.failed": ("bad", "octagon-x", "ended it, since a target did not follow"),
        "rollout.rolled_back": ("bad", "undo-2", "took it back by the policy's conditions"),
        "deployment.rolled_back": ("warn", "undo-2", "rolled back to it"),
        "deployment.recorded": ("mut", "file-text", "noted it as made elsewhere"),
        "emergency.change_made": ("warn", "triangle-alert", "made it as an emergency"),
        "emergency.change_approved": ("ok", "circle-check", "found it approved"),
        "emergency.change_stands": ("bad", "triangle-alert", "could not take it back"),
        "review.recorded": ("mut", "eye", "looked back at it"),
        "target.asked": ("mut", "send", "told a target of it"),
        "target.acknowledged": ("ok", "check", "serves it"),
        "target.failed": ("bad", "octagon-x", "did not follow"),
    }
)
"""How each type of entry is told: kind, icon, words."""
OTHERWISE: Final = ("mut", "circle-dot", "")


class Told(NamedTuple):
    """Something that happened to a deployment, with the entry that records it."""

    kind: str
    icon: str
    who: str
    did: str
    facts: tuple[str, ...]
    at: Any
    entry: int


def read_deployment(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows. Raises NotFound."""
    found = actions.deployment(view, query["deployment"])
    each = shown(view, found)
    d = each.deployment
    story = audit.history(
        view, d.model, label=d.version, page=Page(limit=LOOKED_AT, cursor=query.get("story"))
    )
    others = actions.deployments(
        view, Page(limit=BEFORE), model=d.model, environment=found.environment
    )
    return {
        "each": each,
        "waits": against(d.waits),
        "lacks": _lacks(view, found) if d.state == UNDER_WAY else (),
        "told": list(_told(view, story.items, d.id)),
        "more_told": story.next_cursor,
        "others": [shown(view, one) for one in others.items if one.id != d.id],
        "rules": RULES,
        "poll_s": WAITS_S if d.state == UNDER_WAY else CALM_S,
    }


def step(do: str, query: Fields, kept: Fields) -> Change | Hashing:
    """Return the step that a form of the page asks for. Raises FormInvalid, ValueInvalid."""
    name, reason = query["deployment"], kept.get("reason", "")
    if do == "advance":
        return Hashing(
            partial(actions.candidate_of, deployment_id=name),
            lambda change, prepared: deployment_answer(
                change, actions.advance(change, name, prepared=prepared)
            ),
        )
    if do == "abort":
        return lambda change: deployment_answer(change, actions.abort(change, name, reason=reason))
    if do == "back":
        return _going_back(name, reason, kept.get("to") or None)
    if do == "review":
        outcome = named(actions.ReviewOutcome, kept.get("outcome", ""), field="outcome")
        act = partial(
            actions.review, deployment_id=name, outcome=outcome, findings=kept.get("findings", "")
        )
        return lambda change: deployment_answer(change, act(change))
    raise FormInvalid("send a form of the page")


def _going_back(name: str, reason: str, to: str | None) -> Hashing:
    """Return the way back from this deployment, which has to be live still: the page may be old."""

    def find(view: Any) -> actions.Candidate:  # noqa: ANN401  # a view
        gone = _live(view, name)
        return actions.candidate_before(view, gone.model, environment=gone.environment, to=to)

    def act(change: Any, prepared: actions.Prepared) -> Any:  # noqa: ANN401  # a change, its answer
        gone = _live(change, name)
        made = actions.rollback(
            change, gone.model, reason=reason, prepared=prepared, environment=gone.environment
        )
        return deployment_answer(change, made)

    return Hashing(find, act)


def _live(view: Any, name: str) -> Any:  # noqa: ANN401  # a view, a deployment
    """Return the deployment, which has to be live. Raises NotFound, NothingToRollBackTo."""
    found = actions.deployment(view, name)
    live = actions.live(view, found.model, environment=found.environment)
    if live is None or live.id != found.id:
        raise NothingToRollBackTo(f"{found.id} is not live in {found.environment} any more")
    return found


def _lacks(view: Any, found: Any) -> tuple[Any, ...]:  # noqa: ANN401  # a view, a deployment
    """Return what the gate would say to its next step, the artifact not read and other systems not asked."""
    outlook = actions.gate_answer(view, found.model, found.label, environment=found.environment)
    left_out = {"not_permitted", "approver_deploys", "external_missing"}
    return against(each for each in outlook.verdict.reasons if each.code not in left_out)


def _told(view: Any, entries: Any, deployment: str) -> Iterator[Told]:  # noqa: ANN401  # a view, entries
    for one in entries:
        fact = one.entry.get("fact", {})
        if fact.get("deployment") != deployment:
            continue
        kind, icon, did = TOLD.get(one.entry["type"], OTHERWISE)
        yield Told(
            kind=kind,
            icon=icon,
            who=handle_of(view, one.entry["actor"]["id"]),
            did=did or one.entry["type"],
            facts=tuple(_facts(fact)),
            at=moment(one.entry["at"]),
            entry=one.seq,
        )


def _facts(fact: Mapping[str, Any]) -> Iterator[str]:
    """Say what an entry tells beside its type: steps, traffic, figures, causes. Texts stand in the entry itself."""
    if "steps" in fact:
        yield f"step {fact['step']} of {fact['steps']}"
    if "traffic" in fact:
        yield f"{fact['traffic']} % of traffic"
    if fact.get("reasons"):
        yield ", ".join(fact["reasons"]).replace("_", " ")
    if "metric" in fact:
        yield f"{fact['metric']} {fact.get('value')} of {fact['calls']} calls, limit {fact['limit']}"
        yield f"before: {fact.get('baseline')} of {fact['baseline_calls']} calls"
    for name in ("cause", "outcome", "target"):
        if fact.get(name):
            yield str(fact[name]).replace("_", " ")


DEPLOYMENT: Final = Sheet(
    template="deployment.html",
    title="Deployment",
    place="/deployments/{deployment}",
    read=read_deployment,
    names=("story",),
    step=step,
)
