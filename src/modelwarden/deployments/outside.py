"""What other systems of record say about a request, for people who look at it (RL-48, RL-49, RL-52). Decides nothing.

First `asked_outside` says what is to be read, then `look_outside` reads it with no transaction open, then
`outside_answer` puts names to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of_person
from modelwarden.approvals import case, external
from modelwarden.approvals.reads import approval
from modelwarden.approvals.request import GOING_LIVE
from modelwarden.deployments.github import queries as github
from modelwarden.deployments.servicenow import queries as servicenow
from modelwarden.policies.reads import requirements
from modelwarden.registry.queries import find_model, find_version
from modelwarden.store.erasing import shown
from modelwarden.values.approvals import CommentAnswer, OutsideAnswer, StandsAnswer, VoiceAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.approvals.external import Asked, ExternalEvidence, Source, Voice
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.store.change import View
    from modelwarden.values.ids import PersonId


def asked_outside(view: View, request_id: str) -> tuple[Asked, ...]:
    """Return what the policies want to know of other systems about a release's request. Raises NotFound."""
    asked = approval(view, request_id).request
    if asked.type not in GOING_LIVE or asked.model is None or asked.version is None:
        return ()
    return tuple(
        external.Asked(
            system=system,
            environment=asked.environment,
            model=asked.model,
            version=asked.version,
            request=asked.id,
        )
        for system in requirements(view, asked.model, asked.environment).systems
    )


def look_outside(
    asked: tuple[Asked, ...], sources: Mapping[str, Source], *, at: datetime
) -> tuple[ExternalEvidence, ...]:
    """Read other systems. Slow: runs with no transaction open. What can't be read is `unreadable`, and says why."""
    return tuple(external.read(each, sources, at=at) for each in asked)


def outside_answer(
    view: View, request_id: str, seen: tuple[ExternalEvidence, ...]
) -> tuple[OutsideAnswer, ...]:
    """Return what was read as callers see it; who takes part in the case does not count. Raises NotFound."""
    barred = _barred(view, approval(view, request_id).request)
    return tuple(
        OutsideAnswer(
            system=each.system,
            state=_state(each, barred),
            why=each.why,
            url=each.url,
            seen_at=each.seen_at,
            voices=tuple(_voice(view, one, barred=barred) for one in each.voices),
        )
        for each in seen
    )


def standing_outside(view: View, request_id: str) -> tuple[StandsAnswer, ...]:
    """Return what stands in other systems for a request, as it was seen last. Raises NotFound."""
    found = approval(view, request_id).request
    pull = github.find_pull(view, found.id)
    opened = servicenow.find_opened(view, found.id)
    stands = []
    if pull is not None:
        stands.append(StandsAnswer(system="github", name=f"#{pull.number}", state=pull.said))
    if opened is not None:
        stands.append(StandsAnswer(system="servicenow", name=opened.change, state=opened.state))
    return tuple(stands)


def comments(view: View, request_id: str) -> tuple[CommentAnswer, ...]:
    """Return what people wrote about a request at GitHub, as it was copied, oldest first; at most 500 (RL-49).

    Raises NotFound.
    """
    found = github.comments_of(view, approval(view, request_id).request.id)
    return tuple(
        CommentAnswer(
            id=each.id,
            system="github",
            user=handle_of_person(view, each.person),
            comment=shown(view, each.words),
            written_at=each.written_at,
        )
        for each in found
    )


def _barred(view: View, request: ApprovalRequest) -> dict[PersonId, str]:
    """Return who takes part in the case, and in which part."""
    model = None if request.model is None else find_model(view, request.model)
    version = None if request.version is None else find_version(view, request.version)
    found = case.barred(view, request, model=model, version=version)
    return {person: part for part, persons in found.items() for person in persons}


def _state(seen: ExternalEvidence, barred: Mapping[PersonId, str]) -> str:
    """Return how it stands for the gate, which counts nobody who takes part."""
    return "missing" if seen.state == "passed" and not seen.persons - barred.keys() else seen.state


def _voice(view: View, voice: Voice, *, barred: Mapping[PersonId, str]) -> VoiceAnswer:
    part = None if voice.person is None else barred.get(voice.person)
    takes_part = voice.counts and voice.said == "approved" and part is not None
    return VoiceAnswer(
        account=voice.account,
        user=None if voice.person is None else handle_of_person(view, voice.person),
        said=voice.said,
        counts=voice.counts and not takes_part,
        why=f"they take part in the case: {part}" if takes_part else voice.why,
    )
