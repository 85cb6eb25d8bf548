"""What the gate says of a request, so that GitHub is told: whoever deploys is judged when they do (RL-49).

The artifact is hashed before the answer can be yes. A hash is used again for as long as the files are seen not to have
moved; for a deployment that waits it is made anew.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.approvals import external
from modelwarden.approvals import queries as requests
from modelwarden.approvals.gate import Reason, Verdict, weigh
from modelwarden.deployments import evidence
from modelwarden.deployments.evidence import Prepared
from modelwarden.deployments.github.source import SYSTEM, lock_of
from modelwarden.errors import WardenError
from modelwarden.fingerprints.artifact import unchanged
from modelwarden.registry.artifacts import prepare_artifact
from modelwarden.registry.queries import find_model, find_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from modelwarden.approvals.external import ExternalEvidence, Source
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.config import Settings
    from modelwarden.deployments.evidence import Candidate
    from modelwarden.deployments.github.source import Looked
    from modelwarden.registry.artifacts import PreparedArtifact
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View
    from modelwarden.values.ids import VersionName

MOST_KEPT: Final = 200
"""Hashes that are used again."""


class Question(NamedTuple):
    """A request about a release, and what its pull request has to hold."""

    request: ApprovalRequest
    model: Model
    version: Version
    candidate: Candidate
    lock: bytes


class Told(NamedTuple):
    """What the gate says of what was looked at last; `unread` are systems that could not be read for it."""

    verdict: Verdict
    looked: Looked
    unread: tuple[str, ...]


def question(view: View, request_id: str) -> Question | None:
    """Return what to ask about a request; None where it is about no release."""
    request, lock = requests.find_request(view, request_id), lock_of(view, request_id)
    version = (
        None if request is None or request.version is None else find_version(view, request.version)
    )
    model = None if version is None else find_model(view, version.model)
    if request is None or lock is None or version is None or model is None:
        return None
    return Question(request, model, version, evidence.candidate_of_version(view, version), lock)


class Asking:
    """The gate, asked by the program itself. One thread."""

    def __init__(
        self,
        view: Callable[[Callable[[View], Any]], Any],
        *,
        settings: Settings,
        sources: Callable[[], Mapping[str, Source]],
        now: Callable[[], datetime],
    ) -> None:
        self._view, self._settings, self._sources, self._now = view, settings, sources, now
        self._hashes: dict[VersionName, PreparedArtifact] = {}

    def told(self, asked: Question, look: Callable[[], Looked], *, anew: bool = False) -> Told:
        """Return what the gate says now; `look` reads GitHub, `anew` hashes whatever is known.

        Raises ExternalUnreadable, Unreachable.
        """
        artifact = None if anew else self._known(asked.version.name)
        looked, said = self._read(asked, look)
        weighed: Verdict = self._view(partial(_weighed, asked=asked, said=said, artifact=artifact))
        if artifact is None and weighed.allow:  # by the registry's word alone
            artifact = self._hashed(asked)
            looked, said = self._read(asked, look)  # a hash may take longer than evidence is fresh
            weigh_it = partial(_weighed, asked=asked, said=said, artifact=artifact, is_hashed=True)
            weighed = self._view(weigh_it)
        unread = tuple(each.system for each in said if each.state == "unreadable")
        return Told(weighed, looked, unread)

    def _read(
        self, asked: Question, look: Callable[[], Looked]
    ) -> tuple[Looked, tuple[ExternalEvidence, ...]]:
        looked, place = look(), asked.request.environment
        return looked, tuple(
            looked.evidence
            if each.system == SYSTEM
            else external.read(each, self._sources(), at=self._now())
            for each in asked.candidate.asked
            if each.environment is place
        )

    def _known(self, version: VersionName) -> PreparedArtifact | None:
        found = self._hashes.get(version)
        return found if found is not None and found.seen and unchanged(found.seen) else None

    def _hashed(self, asked: Question) -> PreparedArtifact | None:
        self._hashes.pop(asked.version.name, None)
        if asked.candidate.artifact is None:
            return None
        try:
            found = prepare_artifact(asked.candidate.artifact, settings=self._settings)
        except WardenError:  # what can't be read denies (RL-33)
            return None
        if len(self._hashes) >= MOST_KEPT:
            self._hashes.pop(next(iter(self._hashes)))
        self._hashes[asked.version.name] = found
        return found


def _weighed(
    view: View,
    *,
    asked: Question,
    said: tuple[ExternalEvidence, ...],
    artifact: PreparedArtifact | None,
    is_hashed: bool = False,
) -> Verdict:
    request, version = asked.request, asked.version
    covering = requests.covering_request(view, version.name, request.environment)
    if covering is None or covering.id != request.id:
        return Verdict((Reason("request_closed", "another request is about this release now"),))
    prepared = Prepared(
        version=version.name,
        found=artifact,
        at=view.now,
        external={request.environment: said},
        requests={request.environment: request.id},
    )
    now = (
        evidence.artifact_registered(version)
        if artifact is None and not is_hashed
        else evidence.artifact_now(prepared, version, now=view.now)
    )
    case = evidence.gate_case(
        view,
        version,
        model=asked.model,
        environment=request.environment,
        artifact=now,
        permitted=True,
        prepared=prepared,
    )
    return weigh(case)
