"""The pages of approvals: which questions there are, and one with its seats, checks and what stands elsewhere.

They only read: an answer is signed with an own key, for which the page names the command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.access.actions import handle_of, handle_of_person
from modelwarden.approvals import actions
from modelwarden.approvals.answers import dossier_answer, request_answer
from modelwarden.console.check_words import checked
from modelwarden.console.desk import Beyond, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.words import plain
from modelwarden.deployments import actions as releases
from modelwarden.errors import NotFound, NotPermitted
from modelwarden.policies import actions as policies
from modelwarden.registry import actions as registry
from modelwarden.values.answers import DecisionAnswer, RequestAnswer
from modelwarden.values.ids import PersonId
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

ROWS: Final = 25
RUNS: Final = 20
"""So many runs back the one is looked for that approvers sign."""
MINE, ALL, OPEN = "mine", "all", "open"
STATES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "open": ("info", "Open"),
        "approved": ("ok", "Approved"),
        "rejected": ("bad", "Rejected"),
        "withdrawn": ("mut", "Taken back"),
        "expired": ("mut", "Never answered"),
        "void": ("warn", "Void"),
    }
)
OF_THE_READER: Final = frozenset({"not_permitted", "approver_deploys"})
"""What the gate says of whoever asks it, not of the version."""
READ_ELSEWHERE: Final = frozenset({"external_missing", "external_changes_requested"})
"""What it says unless other systems are read for it: the page says it of each system."""
SEATS: Final = frozenset({"not_approved", "same_person"})


class Row(NamedTuple):
    """A question in a list."""

    id: str
    about: str
    kind: str
    environment: str
    standing: tuple[str, str]
    answered: int
    seats: int
    due_at: Any
    overdue: bool
    requester: str
    opened_at: Any


class Seat(NamedTuple):
    """A seat: who may fill it, in words, and the answer that stands."""

    number: int
    claim: str
    decision: DecisionAnswer | None
    eligible: int | None


def read_approvals(view: Any, query: Fields, frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of all questions shows."""
    found = _found(view, query, Page(limit=ROWS, cursor=query.get("cursor")))
    counts = actions.answered(view, found.items)
    return {
        "rows": [_row(view, each, counts.get(each.id, 0), frame) for each in found.items],
        "more": found.next_cursor,
        "show": query.get("show", OPEN),
    }


def approval_rows(view: Any, query: Fields, page: Page) -> Listing[RequestAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of questions."""
    found = _found(view, query, page)
    return Listing(tuple(request_answer(view, each) for each in found.items), found.next_cursor)


def read_approval(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of one question shows. Raises NotFound."""
    dossier = actions.approval(view, query["request"])
    asked, r = dossier.request, dossier_answer(view, dossier)
    in_force = r.state in {"open", "approved"}
    return {
        "r": r,
        "about": _about(asked),
        "standing": STATES[r.state],
        "seats": seats_of(view, asked, r),
        "others": [each for each in r.decisions if each.withdrawn_at is not None],
        "subject": _digest(asked.basis),
        "order": "in order" if asked.order == "sequential" else "any order",
        "lacks": _lacks(view, asked) if in_force else (),
        "checks": _checks(view, asked),
        "systems": [each.system for each in releases.asked_outside(view, asked.id)],
        "stands": releases.standing_outside(view, asked.id),
        "comments": releases.comments(view, asked.id),
    }


def _found(view: Any, query: Fields, page: Page) -> Listing[Any]:  # noqa: ANN401  # a view
    show = query.get("show", OPEN)
    state = None if show in {MINE, ALL} else named(actions.RequestState, show, field="show")
    kind = maybe_named(actions.RequestType, query.get("type"), field="type")
    found: Listing[Any] = actions.approvals(
        view, page, waiting_for_me=show == MINE, state=state, kind=kind
    )
    return found


def _row(view: Any, asked: Any, answered: int, frame: Frame) -> Row:  # noqa: ANN401  # a view, a request
    return Row(
        id=asked.id,
        about=_about(asked),
        kind=plain(asked.type.value),
        environment=asked.environment.value,
        standing=STATES[asked.state.value],
        answered=answered,
        seats=len(asked.seats),
        due_at=asked.due_at,
        overdue=asked.is_overdue(at=frame.now),
        requester=handle_of(view, asked.requester),
        opened_at=asked.opened_at,
    )


def _about(asked: Any) -> str:  # noqa: ANN401  # a request
    """Return what a question is about: a version, a use case, or the action it asks leave for."""
    if asked.model is not None:
        check = (asked.payload or {}).get("check") if asked.type.value == "waiver" else None
        return f"{asked.model} {asked.label}" + (f", check {check}" if check else "")
    return str(asked.use_case or asked.action or asked.id)


def _digest(basis: Mapping[str, Any]) -> str:
    """Return the SHA-256 that approvers sign: of the artifact, or of what is asked where it is about none."""
    subject: Sequence[Any] = basis.get("subject") or ()
    return str(subject[0]["digest"]["sha256"]) if subject else ""


def seats_of(view: Any, asked: Any, r: RequestAnswer) -> list[Seat]:  # noqa: ANN401  # a view, a request
    """Return the seats of a request: who may fill each, in words, and the answer that stands."""
    stands = {each.seat: each for each in r.decisions if each.withdrawn_at is None}
    claims = [" or ".join(_claim(view, one) for one in place.claimants) for place in asked.places]
    return [
        Seat(each.seat + 1, claims[each.seat], stands.get(each.seat), each.eligible)
        for each in r.seats
    ]


def _claim(view: Any, claimant: str) -> str:  # noqa: ANN401  # a view
    """Return a claimant in words: `role approver`, `carol`, `group risk, once it is due`."""
    kind, _, name = claimant.partition(":")
    if kind == "person":
        return handle_of_person(view, PersonId(name))
    late = name.endswith("@due")
    return f"{kind} {name.removesuffix('@due')}" + (", once it is due" if late else "")


def _lacks(view: Any, asked: Any) -> tuple[Any, ...]:  # noqa: ANN401  # a view, a request
    """Return what the gate lacks beside the seats, the artifact not read and other systems not asked."""
    if asked.model is None or asked.type.value not in {"release", "emergency"}:
        return ()
    try:
        outlook = releases.gate_answer(
            view, asked.model, asked.label, environment=asked.environment
        )
    except (NotFound, NotPermitted):
        return ()
    left_out = OF_THE_READER | READ_ELSEWHERE | SEATS
    return tuple(each for each in outlook.verdict.reasons if each.code not in left_out)


def _checks(view: Any, asked: Any) -> Mapping[str, Any] | None:  # noqa: ANN401  # a view, a request
    """Return the run that approvers sign, else the newest there; None where there is none, or none to be read."""
    if asked.model is None:
        return None
    try:
        registry.version(view, asked.model, asked.label)
        runs = policies.check_runs(view, asked.model, asked.label, page=Page(limit=RUNS)).items
    except (NotFound, NotPermitted):
        return None
    signed = actions.check_run_of(asked.basis)
    here = [run for run in runs if run.environment == asked.environment]
    found = next((run for run in here if run.digest == signed), here[0] if here else None)
    if found is None:
        return None
    return {"run": checked(found), "signed": found.digest == signed}


def _asked(view: Any, query: Fields) -> tuple[Any, ...]:  # noqa: ANN401  # a view
    return releases.asked_outside(view, query["request"])


def _answer(view: Any, query: Fields, seen: tuple[Any, ...]) -> Any:  # noqa: ANN401  # a view; for the template
    return releases.outside_answer(view, query["request"], seen)


APPROVALS: Final = Sheet(
    template="approvals.html",
    title="Approvals",
    place="/approvals",
    read=read_approvals,
    names=("show", "type", "cursor"),
    rows=approval_rows,
)
APPROVAL: Final = Sheet(
    template="approval.html",
    title="Approval",
    place="/approvals/{request}",
    read=read_approval,
    beyond=Beyond(_asked, _answer),
)
