"""What the program itself keeps of a pull request: that it stands, what was reported, what was written there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.deployments.github import queries
from modelwarden.errors import NotPermitted
from modelwarden.facts.github import (
    GithubCommentCopied,
    GithubDeploymentAnswered,
    GithubGateReported,
    GithubPullOpened,
)
from modelwarden.facts.kinds import Code
from modelwarden.policies.reads import requirements
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from modelwarden.deployments.github.asking import Question
    from modelwarden.deployments.github.comments import Comment
    from modelwarden.deployments.github.protecting import Word
    from modelwarden.deployments.github.reporting import Report
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import PersonId, RequestId

SYSTEM = "github"


def wanted(view: View, *, after: str) -> tuple[list[RequestId], str | None]:
    """Return requests whose pull requests are to be looked at, and where to go on; None at the end."""
    found = queries.looked_at(view, after=after)
    ours = [
        one.request
        for one in found
        if SYSTEM in requirements(view, one.model, one.environment).systems
    ]
    return ours, found[-1].request if len(found) == queries.AT_ONCE else None


def keep_pull(change: Change, asked: Question, *, number: int) -> None:
    """Keep which pull request stands for a request."""
    _require_system(change)
    request = asked.request.id
    before = queries.find_pull(change, request)
    if before is not None and before.number == number:
        change.unchanged("approval", request)
        return
    queries.keep_pull(change, request, number=number)
    change.record(
        GithubPullOpened(
            request=request, model=asked.model.name, version=asked.version.name, number=number
        )
    )


def keep_report(change: Change, asked: Question, *, number: int, commit: str, what: Report) -> None:
    """Keep what the check run at a commit says from now on."""
    _require_system(change)
    change.record(
        GithubGateReported(
            request=asked.request.id,
            model=asked.model.name,
            version=asked.version.name,
            number=number,
            commit=Code(commit),
            conclusion=Code(what.conclusion),
        )
    )


def keep_comment(change: Change, request: RequestId, comment: Comment, *, person: PersonId) -> None:
    """Copy a comment to a request, once: words that were erased since do not come back."""
    _require_system(change)
    if queries.is_copied(change, comment.id):
        change.unchanged("approval", request)
        return
    words = change.text(comment.words, about=person)
    queries.copy(change, request, comment, person=person, words=words)
    change.record(
        GithubCommentCopied(request=request, comment=Code(comment.id), person=person, words=words)
    )


def keep_answer(change: Change, word: Word, *, run: int) -> None:
    """Keep what a workflow run was answered."""
    _require_system(change)
    change.record(GithubDeploymentAnswered(request=word.request, run=run, state=Code(word.state)))


def _require_system(change: Change) -> None:
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("the program does this by itself", reasons=("not_the_system",))
