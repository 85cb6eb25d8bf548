"""The page of one version: what the gate says of it in an environment, and where what is missing can be supplied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.answers import dossier_answer, request_answer
from modelwarden.console.approval_pages import STATES as ASKED
from modelwarden.console.approval_pages import Seat, seats_of
from modelwarden.console.check_words import Checked, checked
from modelwarden.console.deployment_pages import starting
from modelwarden.console.desk import Beyond, Change, Fields, Hashing, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.gate_words import RULES, against
from modelwarden.console.model_pages import STATUSES, live_of
from modelwarden.console.rollout_words import candidate, shown
from modelwarden.deployments import actions as releases
from modelwarden.deployments.answers import gate_answer
from modelwarden.errors import FormInvalid, NoOpenRequest, NotFound, NotPermitted
from modelwarden.policies import actions as policies
from modelwarden.policies.check_answers import evidence_answer, run_answer
from modelwarden.registry import actions as registry
from modelwarden.registry.answers import model_answer, version_answer
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.answers import RequestAnswer
from modelwarden.values.checks import EvidenceAnswer
from modelwarden.values.pages import Page
from modelwarden.values.words import named

PRODUCTION: Final = Environment.PRODUCTION.value
RUNS: Final = 20
"""So many runs back the newest of this environment is looked for."""
FIGURES: Final = 6
"""So many figures of a piece of evidence stand in its line."""
LONGEST_FIGURE: Final = 64
"""Characters: a digest."""
EVIDENCE, DEPLOYED, WAIVERS = 10, 10, 10


class Asked(NamedTuple):
    """The question about the version here, with its seats."""

    request: RequestAnswer
    standing: tuple[str, str]
    seats: list[Seat]


class Given(NamedTuple):
    """A piece of evidence with its figures in words."""

    evidence: EvidenceAnswer
    words: str


def read_version(view: Any, query: Fields, frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows. Raises ModelNotFound, VersionNotFound, ValueInvalid."""
    model, label, place = query["model"], query["version"], _place(query)
    v = version_answer(view, registry.version(view, model, label))
    outlook = releases.gate_answer(view, model, label, environment=place)
    deployed = releases.deployments(view, Page(limit=DEPLOYED), model=model, environment=place)
    run, evidence = _checks(view, v.model, v.version, place), _evidence(view, v.model, v.version)
    return {
        "v": v,
        "m": model_answer(view, registry.model(view, model)),
        "environment": place.value,
        "standing": STATUSES[v.status],
        "live": live_of(view, model),
        "going": candidate(view, model, place),
        "lacks": against(outlook.verdict.reasons),
        "asked": _asked(view, model, label, place, outlook.request),
        "run": run,
        "waived": _waived(view, model, label, frame),
        "evidence": evidence,
        "signatures": [e for e in evidence or () if e.evidence.kind == "signature"],
        "deployed": [shown(view, one) for one in deployed.items],
        "rules": RULES,
        "given": kept if kept.get("do") in {"ask", "start"} else {"environment": place.value},
    }


def step(do: str, query: Fields, kept: Fields) -> Change | Hashing:
    """Return the step that a form of the page asks for. Raises FormInvalid, ValueInvalid."""
    model, label, place = query["model"], query["version"], _place(query)
    if do == "start":
        return starting(kept, model, label)
    if do == "ask":
        ask = partial(
            approvals.request,
            model=model,
            version=label,
            justification=kept.get("justification", ""),
            environment=place,
        )
        return lambda change: request_answer(change, ask(change))
    if do == "check":
        check = partial(approvals.run_checks, model=model, version=label, environment=place)
        return lambda change: run_answer(change, check(change))
    if do == "retire":
        reason = kept.get("reason", "")
        retire = partial(registry.retire_version, model=model, label=label, reason=reason)
        return lambda change: version_answer(change, retire(change))
    raise FormInvalid("send a form of the page")


def _place(query: Fields) -> Environment:
    return named(Environment, query.get("environment", PRODUCTION), field="environment")


def _asked(
    view: Any,  # noqa: ANN401  # a view
    model: str,
    label: str,
    place: Environment,
    request: str | None,
) -> Asked | None:
    """Return the question that the gate weighs, else the one that is open; None where the reader may see none."""
    try:
        found = request or approvals.find_open_request(view, model, label, environment=place).id
        dossier = approvals.approval(view, found)
    except (NoOpenRequest, NotFound):
        return None
    r = dossier_answer(view, dossier)
    return Asked(r, ASKED[r.state], seats_of(view, dossier.request, r))


def _checks(view: Any, model: str, label: str, place: Environment) -> Checked | None:  # noqa: ANN401  # a view
    """Return the newest run of the checks here; None where there is none, or none to be read."""
    try:
        runs = policies.check_runs(view, model, label, page=Page(limit=RUNS)).items
    except NotPermitted:
        return None
    found = next((run for run in runs if run.environment == place), None)
    return None if found is None else checked(found)


def _evidence(view: Any, model: str, label: str) -> list[Given] | None:  # noqa: ANN401  # a view
    """Return the newest evidence; None where it is not to be read."""
    try:
        found = policies.evidence(view, model, label, page=Page(limit=EVIDENCE)).items
    except NotPermitted:
        return None
    answers = [evidence_answer(view, each) for each in found]
    return [Given(each, _figures(each.value)) for each in answers]


def _figures(value: Mapping[str, Any]) -> str:
    """Return the figures of a piece of evidence that fit a line; what is deep or long stays in the API's answer."""
    words = [f"{name} {said}" for name, said in _flat(value) if len(str(said)) <= LONGEST_FIGURE]
    return ", ".join(words[:FIGURES])


def _flat(value: Mapping[str, Any]) -> Iterator[tuple[str, str | int]]:
    for name, each in value.items():
        if isinstance(each, str | int):
            yield name, each
        elif isinstance(each, Mapping):
            inner = ((f"{name} {key}", said) for key, said in each.items())
            yield from ((key, said) for key, said in inner if isinstance(said, str | int))


def _waived(view: Any, model: str, label: str, frame: Frame) -> list[RequestAnswer]:  # noqa: ANN401  # a view
    """Return the waivers that are asked for or in force."""
    found = approvals.waivers(view, Page(limit=WAIVERS), model=model, version=label)
    answers = (request_answer(view, each) for each in found.items)
    return [w for w in answers if w.state in {"open", "approved"} and frame.now < w.expires_at]


def _candidate(view: Any, query: Fields) -> tuple[Any, ...]:  # noqa: ANN401  # a view
    return (releases.candidate(view, query["model"], query["version"]),)


def _weighed(view: Any, query: Fields, seen: tuple[Any, ...]) -> Any:  # noqa: ANN401  # a view; for the template
    """Return what the gate says with the bytes just read, and other systems asked (RL-33)."""
    model, label, place = query["model"], query["version"], _place(query)
    outlook = releases.gate_answer(view, model, label, environment=place, prepared=seen[0])
    answer = gate_answer(outlook, model=model, version=label, environment=place.value)
    return {"answer": answer, "lacks": against(answer.reasons)}


VERSION: Final = Sheet(
    template="version.html",
    title="Version",
    place="/models/{model}/versions/{version}",
    read=read_version,
    names=("environment",),
    step=step,
    beyond=Beyond(_candidate, _weighed, hashes=True),
)
