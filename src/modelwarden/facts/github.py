"""Facts about pull requests of releases at GitHub: opened by us, told what the gate says, comments that were copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from modelwarden.values.ids import Commitment, ModelName, PersonId, RequestId, VersionName


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubPullOpened:
    """A pull request stands at GitHub for a request: opened now, or found by its marker (RL-47)."""

    request: RequestId
    model: ModelName
    version: VersionName
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubGateReported:
    """The check run at a commit says something else than before (RL-49)."""

    request: RequestId
    model: ModelName
    version: VersionName
    number: int
    commit: Code
    conclusion: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubCommentCopied:
    """What somebody wrote in a review was copied; its author is whom the identity map names (RL-49)."""

    request: RequestId
    comment: Code
    person: PersonId
    words: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubDeploymentAnswered:
    """A workflow run that waited for our word on an environment got it (RL-49)."""

    request: RequestId | None
    run: int
    state: Code


KINDS: Final = (
    Kind(GithubPullOpened, Family.CHANGE, Severity.INFO),
    Kind(GithubGateReported, Family.CHANGE, Severity.INFO),
    Kind(GithubCommentCopied, Family.CHANGE, Severity.INFO),
    Kind(GithubDeploymentAnswered, Family.CHANGE, Severity.INFO),
)
