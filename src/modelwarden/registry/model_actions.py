"""Registering, updating and retiring. Nothing is deleted: `retire` ends it (RL-5)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.access.authorize import Resource
from modelwarden.access.queries import find_actor
from modelwarden.errors import (
    ActorNotFound,
    ModelExists,
    ModelNotFound,
    OwnerMissing,
    RevisionConflict,
    ValueInvalid,
    VersionLive,
)
from modelwarden.facts.kinds import Code
from modelwarden.facts.registry import (
    ArtifactUploaded,
    ModelRegistered,
    ModelRetired,
    ModelUpdated,
    VersionRetired,
)
from modelwarden.permissions import Permission
from modelwarden.registry import queries
from modelwarden.registry.artifacts import UploadedArtifact
from modelwarden.registry.model import DEFAULT_TIER, Model, check_purpose
from modelwarden.registry.reads import model as readable_model
from modelwarden.registry.reads import resource_of
from modelwarden.registry.reads import version as readable_version
from modelwarden.values.ids import HEX_DIGEST, ActorId, Digest, ModelName
from modelwarden.values.principal import ActorStatus

if TYPE_CHECKING:
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import Commitment

LONGEST_REASON: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """What a caller says of a model to be registered.

    Attributes:
        owner: handle or id; the actor when None, unconfirmed until somebody names one (RL-1).
        purpose: business purpose, 20 to 2,000 characters.
        seed: a version's description, which serves as purpose until one is given.
    """

    name: str
    owner: str | None = None
    purpose: str | None = None
    seed: str | None = None
    type: str = ""
    risk_tier: int = DEFAULT_TIER
    team: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChanges:
    """What a caller sets on a model; None leaves it. Naming owner or purpose confirms it (RL-1)."""

    owner: str | None = None
    purpose: str | None = None
    type: str | None = None
    risk_tier: int | None = None
    team: str | None = None
    tags: tuple[str, ...] | None = None


def register_model(change: Change, new: NewModel) -> Model:
    """Register a model. Raises NotPermitted, ModelExists, OwnerMissing, PurposeTooShort, ValueInvalid."""
    found = Model(
        name=ModelName(new.name),
        owner=_owner(change, new.owner),
        owner_confirmed=new.owner is not None,
        registered_by=change.actor,
        registered_at=change.now,
        type=new.type,
        risk_tier=new.risk_tier,
        team=new.team,
        tags=tuple(sorted(set(new.tags))),
    )
    authorize(change, Permission.MODEL_REGISTER, on=resource_of(found))
    if queries.find_model(change, found.name) is not None:
        raise ModelExists(f"a model is named {found.name!r} already; update it, or choose a name")
    purpose = check_purpose(new.purpose) if new.purpose is not None else new.seed
    if purpose is not None:
        found = dataclasses.replace(
            found, purpose=change.text(purpose), purpose_confirmed=new.purpose is not None
        )
    kept = change.save(found)
    change.record(
        ModelRegistered(
            model=kept.name,
            owner=kept.owner,
            owner_confirmed=kept.owner_confirmed,
            purpose=kept.purpose,
            purpose_confirmed=kept.purpose_confirmed,
            risk_tier=kept.risk_tier,
        )
    )
    return kept


def update_model(
    change: Change, name: str, *, changes: ModelChanges, revision: int | None = None
) -> Model:
    """Set what is known of a model. Raises NotPermitted, RevisionConflict, OwnerFixed, ModelIsRetired.

    Whoever moves a model to another team or tag needs the permission there too.
    """
    before = readable_model(change, name, lock=True)
    authorize(change, Permission.MODEL_UPDATE, on=resource_of(before))
    if revision is not None and revision != before.revision:
        raise RevisionConflict("model", name, expected=revision, found=before.revision)
    before.require_usable()
    after = _described(change, before, changes)
    purpose = None if changes.purpose is None else check_purpose(changes.purpose)
    if purpose is not None:
        known = before.purpose is not None and change.words(before.purpose) == purpose
        after = after.with_purpose(
            before.purpose if known and before.purpose else change.text(purpose)
        )
    if after == before:
        change.unchanged("model", before.name)
        return before
    authorize(change, Permission.MODEL_UPDATE, on=resource_of(after))
    kept = change.save(after)
    given = (field.name for field in dataclasses.fields(changes))
    named = tuple(Code(field) for field in given if getattr(changes, field) is not None)
    change.record(
        ModelUpdated(model=kept.name, fields=named, owner=kept.owner, risk_tier=kept.risk_tier)
    )
    return kept


def retire_model(
    change: Change, name: str, *, replacement: str | None = None, reason: str = ""
) -> Model:
    """End a line of work. Raises NotPermitted, VersionLive, ModelIsRetired, ModelNotFound."""
    found = readable_model(change, name, lock=True)
    authorize(change, Permission.MODEL_RETIRE, on=resource_of(found))
    live = queries.live_versions(change, found.name)
    if live:
        raise VersionLive(f"{live[0].name} is live; deploy something else or roll back first")
    other = None if replacement is None else readable_model(change, replacement).name
    kept = change.save(found.retire(replacement=other, now=change.now))
    words = _reason(change, reason)
    change.record(ModelRetired(model=kept.name, replacement=other, reason=words))
    return kept


def retire_version(change: Change, model: str, *, label: str, reason: str = "") -> Version:
    """End a version. Raises NotPermitted, VersionLive, VersionIsRetired, VersionNotFound."""
    parent = readable_model(change, model)
    found = readable_version(change, model, label, lock=True)
    authorize(change, Permission.MODEL_RETIRE, on=resource_of(parent))
    kept = change.save(found.retire(now=change.now))
    words = _reason(change, reason)
    change.record(VersionRetired(version=kept.name, model=parent.name, reason=words))
    return kept


def record_upload(change: Change, sha256: Digest, *, size_bytes: int) -> UploadedArtifact:
    """Tell the ledger of an upload that `uploads.store_upload` kept. Raises NotPermitted."""
    authorize(change, Permission.ARTIFACT_WRITE, on=Resource())
    if not HEX_DIGEST.fullmatch(sha256):
        raise ValueInvalid("sha256", "64 lowercase hex digits")
    known = queries.find_artifact(change, sha256)
    if known is not None:
        change.unchanged("artifact", sha256)
        return known
    kept = change.save(
        UploadedArtifact(
            sha256=sha256,
            size_bytes=size_bytes,
            uploaded_by=change.actor,
            uploaded_at=change.now,
        )
    )
    change.record(ArtifactUploaded(sha256=sha256, size_bytes=size_bytes))
    return kept


def confirmed_for_request(change: Change, name: str) -> Model:
    """Return a model that may be asked about, marked so that its owner stays (RL-1).

    The approvals room calls this on a request it authorised; its own fact tells of the write.
    Raises OwnerMissing, PurposeMissing, ModelIsRetired.
    """
    found = queries.find_model(change, ModelName(name), lock=True)
    if found is None:
        raise ModelNotFound(name)
    found.require_usable()
    found.require_confirmed()
    return found if found.requested else change.save(dataclasses.replace(found, requested=True))


def _described(view: View, model: Model, changes: ModelChanges) -> Model:
    after = dataclasses.replace(
        model,
        type=model.type if changes.type is None else changes.type,
        risk_tier=model.risk_tier if changes.risk_tier is None else changes.risk_tier,
        team=model.team if changes.team is None else changes.team,
        tags=model.tags if changes.tags is None else tuple(sorted(set(changes.tags))),
    )
    if changes.owner is None:
        return after
    return after.owned_by(_owner(view, changes.owner), now=view.now)


def _owner(view: View, name: str | None) -> ActorId:
    """Return who owns: an active human, by handle or id; the actor when nobody is named."""
    actor = find_actor(view, view.actor if name is None else name)
    if actor is None and name is not None:
        raise ActorNotFound("actor", name)
    if actor is None or not actor.is_human or actor.status is not ActorStatus.ACTIVE:
        raise OwnerMissing("name an owner who is an active person; programs own no models")
    return actor.id


def _reason(change: Change, words: str) -> Commitment | None:
    words = words.strip()
    if len(words) > LONGEST_REASON:
        raise ValueInvalid("reason", f"at most {LONGEST_REASON:,} characters")
    return change.text(words) if words else None
