"""What the gate weighs: the artifact hashed anew before the change, all else loaded inside it (RL-33, RL-34).

Hashing takes long and happens outside the writer: first `candidate` or `candidate_before` reads where the
bytes are, then `hashed` reads them with no transaction open, and after them other systems of record. Inside the
change only files' times and the age of the results are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.access import queries as accounts
from modelwarden.access.allowed import authorize
from modelwarden.approvals import automatic, case, external, gate
from modelwarden.approvals import checks as checks_now
from modelwarden.approvals import queries as requests
from modelwarden.approvals.overriding import Emergency
from modelwarden.deployments import queries
from modelwarden.deployments.elsewhere import was_agreed
from modelwarden.deployments.freezing import queries as freezes
from modelwarden.errors import NotFound, NothingToRollBackTo, WardenError
from modelwarden.fingerprints.artifact import unchanged
from modelwarden.permissions import Permission
from modelwarden.policies.reads import requirements
from modelwarden.registry import reads as registry
from modelwarden.registry.artifacts import PreparedArtifact, prepare_artifact
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_version
from modelwarden.registry.use_cases.reads import unapproved_use_cases
from modelwarden.safeguards.naming import switches_naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from modelwarden.approvals.external import Asked, ExternalEvidence, Source
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.config import Settings
    from modelwarden.policies.governing import Requirements
    from modelwarden.policies.result import Result
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName, PersonId, RequestId, VersionName

NO_SOURCES: Final[Mapping[str, Source]] = MappingProxyType({})
FRESH: Final = timedelta(minutes=15)
"""How old the hash of an artifact may be at the gate (RL-34)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version that is to go live, and where its artifact is; None where the words were erased.

    Attributes:
        asked: what the policies want to know of other systems, in any environment.
    """

    version: VersionName
    artifact: str | None
    at: datetime
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An artifact as it was read just now: nothing of it when it can't be read.

    Attributes:
        external: what other systems said, by environment.
        requests: about which request they were asked, by environment.
    """

    version: VersionName
    found: PreparedArtifact | None
    at: datetime
    external: Mapping[Environment, tuple[ExternalEvidence, ...]] = field(default_factory=dict)
    requests: Mapping[Environment, RequestId | None] = field(default_factory=dict)


def candidate(view: View, model: str, version: str) -> Candidate:
    """Return a version to deploy. Raises ModelNotFound, VersionNotFound."""
    return candidate_of_version(view, registry.version(view, model, version))


def candidate_of_version(view: View, found: Version) -> Candidate:
    """Return a version, with what the policies want to know of other systems."""
    return replace(_candidate(view, found), asked=tuple(_asked(view, found)))


def candidate_of(view: View, deployment_id: str) -> Candidate:
    """Return the version of a deployment, for its next step. Raises NotFound, ModelNotFound."""
    found = queries.find_deployment(view, deployment_id)
    if found is None:
        raise NotFound("deployment", deployment_id)
    return candidate(view, found.model, found.label)


def candidate_before(
    view: View, model: str, *, environment: Environment, to: str | None = None
) -> Candidate:
    """Return the version to roll back to: the one before, or an older one by its label (RL-38).

    Raises ModelNotFound, NotPermitted, NothingToRollBackTo.
    """
    found = registry.model(view, model)
    authorize(view, Permission.DEPLOY_ROLLBACK, on=registry.resource_of(found, environment))
    older = versions_before(view, found.name, environment)
    wanted = next((one for one in older if to in {None, one.label}), None)
    if wanted is None:
        raise NothingToRollBackTo(
            f"no earlier version of {model} was live in {environment}; stop it with a switch"
        )
    return _candidate(view, wanted)


def candidates_before(view: View, model: str, *, environment: Environment) -> list[Candidate]:
    """Return every version that can come back there, the last to be live first. Raises ModelNotFound."""
    found = registry.model(view, model)
    return [_candidate(view, one) for one in versions_before(view, found.name, environment)]


def hashed(
    chosen: Candidate, settings: Settings, sources: Mapping[str, Source] = NO_SOURCES
) -> Prepared:
    """Read the artifact, its cache off, then other systems. Slow: runs outside the writer, with no transaction open."""
    found = None
    if chosen.artifact is not None:
        try:
            found = prepare_artifact(chosen.artifact, settings=settings)
        except WardenError:  # whatever it is that can't be read denies (RL-33)
            found = None
    said: dict[Environment, tuple[ExternalEvidence, ...]] = {}
    for asked in chosen.asked:  # last: it may be 60 s old, a hash 15 minutes
        seen = external.read(asked, sources, at=chosen.at)
        said[asked.environment] = (*said.get(asked.environment, ()), seen)
    about = {asked.environment: asked.request for asked in chosen.asked}
    return Prepared(
        version=chosen.version, found=found, at=chosen.at, external=said, requests=about
    )


def artifact_now(prepared: Prepared, version: Version, *, now: datetime) -> gate.ArtifactNow:
    """Return what the hash says inside the change: nothing when it is old, or the files moved since."""
    found = prepared.found
    if prepared.version != version.name or found is None or found.seen is None:
        return gate.ArtifactNow(unreadable="the artifact can't be read here")
    if now - prepared.at > FRESH:
        return gate.ArtifactNow(unreadable="it was hashed more than 15 minutes ago; try again")
    if not unchanged(found.seen):
        return gate.ArtifactNow(unreadable="it changed after it was hashed; try again")
    return gate.ArtifactNow(sha256=found.subject_sha256, fingerprints=found.fingerprints)


def artifact_registered(version: Version) -> gate.ArtifactNow:
    """Return what the registry knows of the bytes, for answers that do not hash them again."""
    if version.subject_sha256 is None:
        return gate.ArtifactNow(unreadable="nobody has read the artifact")
    return gate.ArtifactNow(sha256=version.subject_sha256, fingerprints=version.fingerprints)


def gate_case(  # noqa: PLR0913  # what the gate weighs
    view: View,
    version: Version,
    *,
    model: Model,
    environment: Environment,
    artifact: gate.ArtifactNow,
    permitted: bool,
    checks: tuple[Result, ...] | None = None,
    prepared: Prepared | None = None,
    emergency: bool = False,
) -> gate.Case:
    """Load everything else that the gate weighs, as it is now; `checks` where they were just evaluated.

    `prepared` holds what other systems said just before; `emergency` when it goes before people have agreed.
    """
    needs = requirements(view, model.name, environment, registered=model)
    asks = needs.humans or needs.systems  # who takes part in the case agrees nowhere
    found = requests.covering_request(view, version.name, environment) if asks else None
    approval = None
    if found is not None:
        same = needs if found.environment is environment else None  # production covers staging
        basis = case.current_basis(view, found, version, needs=same)
        approval = case.approval(view, found, model=model, version=version, basis=basis)
    weighed = checks
    if weighed is None:
        weighed = checks_now.results(view, version, model=model, needs=needs)
    return gate.Case(
        at=view.now,
        version=version,
        model_retired=model.retired_at is not None,
        humans=needs.humans,
        separate_deployer=needs.separate_deployer
        or (found is not None and found.separate_deployer),
        artifact=artifact,
        deployer=gate.Deployer(person=view.person, permitted=permitted),
        approval=approval,
        rolled_back_at=queries.last_rolled_back(view, version.name, environment),
        switches=switches_naming(view, environment, version),
        freezes=tuple(str(one.id) for one in freezes.standing(view, environment, model.name)),
        unreviewed=_unreviewed(view, model.name),
        checks=weighed,
        automatic=_automatic(view, found, version, model=model, needs=needs, results=weighed),
        unapproved=_unapproved(view, model, environment),
        systems=needs.systems,
        external=_external(view, prepared, version, environment, about=found),
        staged=needs.needs_staging is None or _was_staged(view, version, needs.needs_staging),
        emergency=_emergency(view, found, model=model, needs=needs) if emergency else None,
    )


def _unapproved(view: View, model: Model, environment: Environment) -> tuple[str, ...]:
    return unapproved_use_cases(view, model) if environment is Environment.PRODUCTION else ()


def _external(
    view: View,
    prepared: Prepared | None,
    version: Version,
    environment: Environment,
    *,
    about: ApprovalRequest | None,
) -> tuple[ExternalEvidence, ...]:
    """Return what was read for this request, by who people are today; what was said of another is nothing said here."""
    if prepared is None or prepared.version != version.name:
        return ()
    if prepared.requests.get(environment) != (None if about is None else about.id):
        return ()
    return tuple(
        replace(
            seen,
            persons=accounts.current_persons(view, seen.persons),
            parties=accounts.current_persons(view, seen.parties),
        )
        for seen in prepared.external.get(environment, ())
    )


def _emergency(
    view: View, request: ApprovalRequest | None, *, model: Model, needs: Requirements
) -> Emergency:
    """Return what an emergency has to meet; another step of the same one does not bar itself."""
    before = queries.unreviewed_emergencies(view, model.name)
    own = None if request is None else request.id
    return Emergency(
        second_person=needs.second_person,
        unreviewed=tuple(str(one.id) for one in before if one.request != own),
    )


def _automatic(  # what would fill a seat now
    view: View,
    request: ApprovalRequest | None,
    version: Version,
    *,
    model: Model,
    needs: Requirements,
    results: tuple[Result, ...],
) -> PersonId | None:
    if request is None:
        return None
    auto = automatic.filling(
        view, request, model=model, version=version, needs=needs, results=results
    )
    return None if auto is None else auto.person


def _unreviewed(view: View, model: ModelName) -> tuple[str, ...]:
    """Return deployments at which somebody should long have looked back (RL-41)."""
    found = queries.unreviewed(view, model, at=view.now)
    return tuple(str(one.id) for one in found if one.is_overdue(view.now))


def versions_before(view: View, model: ModelName, environment: Environment) -> list[Version]:
    """Return what a rollback can make live again, the last to be live first; nothing that nobody agreed to."""
    now_live = queries.live(view, model, environment)
    if now_live is None:
        return []
    earlier = (d for d in queries.earlier(view, model, environment) if was_agreed(view, d))
    names = dict.fromkeys(d.version for d in earlier)
    found = (find_version(view, name) for name in names if name != now_live.version)
    return [version for version in found if version is not None and version.retired_at is None]


def _candidate(view: View, version: Version) -> Candidate:
    return Candidate(version=version.name, artifact=view.words(version.artifact), at=view.now)


def _asked(view: View, version: Version) -> Iterator[Asked]:
    for place in Environment:
        systems = requirements(view, version.model, place).systems
        found = requests.covering_request(view, version.name, place) if systems else None
        for system in systems:
            yield external.Asked(
                system=system,
                environment=place,
                model=version.model,
                version=version.name,
                request=None if found is None else found.id,
            )


def _was_staged(view: View, version: Version, needed: timedelta) -> bool:
    """Tell whether the version was live in staging for long enough without a break.

    What was made elsewhere counts from when it was noted: nobody serves time by naming an earlier one.
    """
    stays = queries.of_version(view, version.name, Environment.STAGING)
    return any(
        (stay.ended_at or view.now) - max(stay.live_at, stay.started_at) >= needed
        for stay in stays
        if stay.live_at is not None
    )
