"""The pages of use cases: which there are and how far each came, a form for a new one; and one with its steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.answers import dossier_answer
from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.use_case_usage import read_usage
from modelwarden.errors import FormInvalid, NotFound, ValueInvalid
from modelwarden.registry import actions
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.use_cases.answers import use_case_answer
from modelwarden.values.answers import RequestAnswer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.use_cases import UseCaseAnswer
from modelwarden.values.words import maybe_named

ROWS: Final = 25
STATES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "draft": ("mut", "Draft"),
        "submitted": ("info", "Waits for approval"),
        "approved": ("ok", "Approved"),
        "rejected": ("bad", "Rejected"),
        "deployed": ("ok", "In use"),
        "deprecated": ("mut", "Deprecated"),
    }
)


class Shown(NamedTuple):
    """A use case with its state in words."""

    case: UseCaseAnswer
    standing: tuple[str, str]


def read_use_cases(view: Any, query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of all use cases shows."""
    found = use_case_rows(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    return {
        "rows": [_shown(each) for each in found.items],
        "more": found.next_cursor,
        "given": kept if kept.get("do") == "create" else {},
    }


def use_case_rows(view: Any, query: Fields, page: Page) -> Listing[UseCaseAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of use cases."""
    found = actions.use_cases(view, page, model=query.get("model"), state=query.get("status"))
    return Listing(tuple(use_case_answer(view, each) for each in found.items), found.next_cursor)


def create(do: str, _query: Fields, kept: Fields) -> Change:
    """Return the use case that the form asks for. Raises FormInvalid, ValueInvalid."""
    if do != "create":
        raise FormInvalid("send a form of the page")
    words = _words(kept)
    name = kept.get("usecase", "")
    return lambda change: use_case_answer(
        change, actions.create_use_case(change, name, words=words)
    )


def read_use_case(view: Any, query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of one use case shows. Raises UseCaseNotFound."""
    shown = _shown(use_case_answer(view, actions.use_case(view, query["usecase"])))
    told = shown.case
    start = {
        "name": told.name or "",
        "description": told.description or "",
        "models": " ".join(told.models),
        "impact_level": told.impact_level or "",
        "affected_systems": " ".join(told.affected_systems),
        "input_schema": "" if told.input_schema is None else json.dumps(dict(told.input_schema)),
        "output_schema": "" if told.output_schema is None else json.dumps(dict(told.output_schema)),
    }
    return {
        "each": shown,
        "asked": _asked(view, told.request),
        "usage": read_usage(view, told.usecase, query),
        "given": kept if kept.get("do") == "update" else start,
    }


def step(do: str, query: Fields, kept: Fields) -> Change:
    """Return the step that a form of the page asks for. Raises FormInvalid, ValueInvalid."""
    name = query["usecase"]
    if do in {"approve", "reject"}:
        return _answer(do, name, kept.get("comment") or None)
    acts: Mapping[str, Any] = {
        "update": partial(actions.update_use_case, name=name, words=_words(kept)),
        "submit": partial(approvals.submit_use_case, name=name, comment=kept.get("comment", "")),
        "deploy": partial(
            approvals.deploy_use_case,
            name=name,
            environment=maybe_named(
                Environment, kept.get("environment") or None, field="environment"
            ),
        ),
        "deprecate": partial(
            approvals.deprecate_use_case,
            name=name,
            replacement=kept.get("replacement") or None,
            sunset_at=_day(kept.get("sunset", "")),
            reason=kept.get("reason", ""),
        ),
    }
    if do not in acts:
        raise FormInvalid("send a form of the page")
    act = acts[do]
    return lambda change: use_case_answer(change, act(change))


def _answer(do: str, name: str, comment: str | None) -> Change:
    """Return a decision under the token's right; where the policy wants a key, it is refused and says how to sign."""
    decide = approvals.approve if do == "approve" else approvals.reject
    ballot = approvals.Ballot(comment=comment)

    def act(change: Any) -> RequestAnswer:  # noqa: ANN401  # a change
        found = approvals.find_use_case_request(change, name)
        return dossier_answer(change, decide(change, found.id, ballot))

    return act


def _asked(view: Any, request: str | None) -> RequestAnswer | None:  # noqa: ANN401  # a view
    if request is None:
        return None
    try:
        return dossier_answer(view, approvals.approval(view, request))
    except NotFound:
        return None


def _words(kept: Fields) -> actions.UseCaseWords:
    return actions.UseCaseWords(
        title=kept.get("name") or None,
        description=kept.get("description") or None,
        owner=kept.get("owner") or None,
        models=tuple(kept.get("models", "").split()),
        input_schema=_schema(kept, "input_schema"),
        output_schema=_schema(kept, "output_schema"),
        impact=kept.get("impact_level") or None,
        systems=tuple(kept.get("affected_systems", "").split()),
    )


def _schema(kept: Fields, field: str) -> Mapping[str, Any] | None:
    text = kept.get(field, "").strip()
    if not text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueInvalid(field, f"a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise ValueInvalid(field, "a JSON object")
    return value


def _day(text: str) -> datetime | None:
    """Return the beginning of a day in UTC."""
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueInvalid("sunset", "a day, such as 2027-03-01") from error


def _shown(each: UseCaseAnswer) -> Shown:
    return Shown(each, STATES[each.status])


USE_CASES: Final = Sheet(
    template="use_cases.html",
    title="Use cases",
    place="/use-cases",
    read=read_use_cases,
    names=("model", "status", "cursor"),
    rows=use_case_rows,
    step=create,
)
USE_CASE: Final = Sheet(
    template="use_case.html",
    title="Use case",
    place="/use-cases/{usecase}",
    read=read_use_case,
    names=("environment",),
    step=step,
)
