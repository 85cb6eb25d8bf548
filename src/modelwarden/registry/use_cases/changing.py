"""Writing a use case down, and changing it: what approvers signed and that changes is signed no more (RL-8, RL-9)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelwarden.access.allowed import authorize, require_person
from modelwarden.access.queries import find_actor
from modelwarden.errors import (
    ActorNotFound,
    ModelNotFound,
    NotCanonical,
    OwnerMissing,
    RevisionConflict,
    UseCaseExists,
    ValueInvalid,
)
from modelwarden.facts.kinds import Code
from modelwarden.facts.use_cases import UseCaseCreated, UseCaseUpdated
from modelwarden.permissions import Permission
from modelwarden.registry import queries as models
from modelwarden.registry.reads import model as readable_model
from modelwarden.registry.reads import resource_of as model_resource
from modelwarden.registry.use_case import MOST_LINKS, SIGNED, Impact, UseCase
from modelwarden.registry.use_cases import queries
from modelwarden.registry.use_cases.reads import resource_of, use_case
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import ModelName, UseCaseName
from modelwarden.values.principal import ActorStatus
from modelwarden.values.words import maybe_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId, Commitment

LONGEST_TITLE: Final = 200
LONGEST_DESCRIPTION: Final = 4_000
LONGEST_SCHEMA: Final = 32_768
"""Bytes of a schema's canonical JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseWords:
    """What a caller says of a use case; None leaves it, or leaves it open.

    Attributes:
        owner: a person by handle or id, or the name of a group.
        owner_person: who stands in duties where a group owns it; the caller unless named.
        input_schema, output_schema: any JSON object.
    """

    title: str | None = None
    description: str | None = None
    owner: str | None = None
    owner_person: str | None = None
    models: tuple[str, ...] | None = None
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    impact: str | None = None
    systems: tuple[str, ...] | None = None


def create_use_case(change: Change, name: str, *, words: UseCaseWords) -> UseCase:
    """Write a use case down as a draft.

    Raises NotPermitted, UseCaseExists, ModelNotFound, ModelIsRetired, OwnerMissing, ActorNotFound, ValueInvalid.
    """
    require_person(change)
    owner, group = _owner(change, words.owner, words.owner_person)
    empty = UseCase(
        name=UseCaseName(name),
        owner=owner,
        owner_group=group,
        created_by=change.actor,
        created_at=change.now,
        authors=(change.person,),
    )
    authorize(change, Permission.USE_CASE_CREATE, on=resource_of(empty))
    if queries.find_use_case(change, name, lock=True) is not None:
        raise UseCaseExists(f"a use case is named {name!r} already; update it, or choose a name")
    kept = change.save(_described(change, empty, words))
    change.record(
        UseCaseCreated(
            use_case=kept.name,
            owner=kept.owner,
            models=kept.models,
            impact=None if kept.impact is None else Code(kept.impact),
            systems=tuple(Code(one) for one in kept.systems),
        )
    )
    return kept


def update_use_case(
    change: Change, name: str, *, words: UseCaseWords, revision: int | None = None
) -> UseCase:
    """Change a use case. What was approved and changes is a draft again, and goes live nowhere (RL-9).

    Raises NotPermitted, RevisionConflict, UseCaseIsDeprecated, OwnerFixed, ModelNotFound, ModelIsRetired, ValueInvalid.
    """
    before = use_case(change, name, lock=True)
    authorize(change, Permission.USE_CASE_UPDATE, on=resource_of(before))
    require_person(change)
    if revision is not None and revision != before.revision:
        raise RevisionConflict("use_case", name, expected=revision, found=before.revision)
    before.require_usable()
    after = before
    if words.owner is not None or words.owner_person is not None:
        owner = before.owner_group or before.owner if words.owner is None else words.owner
        after = after.owned_by(*_owner(change, owner, words.owner_person))
    after = _described(change, after, words).edited(before, change.person)
    if after == before:
        change.unchanged("use_case", before.name)
        return before
    kept = change.save(after)
    moved = (f for f in ("owner", *SIGNED) if getattr(kept, f) != getattr(before, f))
    change.record(
        UseCaseUpdated(
            use_case=kept.name,
            fields=tuple(Code(field) for field in moved),
            owner=kept.owner,
            models=kept.models,
            impact=None if kept.impact is None else Code(kept.impact),
            systems=tuple(Code(one) for one in kept.systems),
            was=Code(before.state),
            state=Code(kept.state),
        )
    )
    return kept


def _described(change: Change, before: UseCase, words: UseCaseWords) -> UseCase:
    impact = maybe_named(Impact, words.impact, field="impact_level")
    linked = before.models if words.models is None else _linked(change, before, words.models)
    systems = before.systems if words.systems is None else tuple(sorted(set(words.systems)))
    return dataclasses.replace(
        before,
        title=_kept(change, before.title, _words("name", words.title, LONGEST_TITLE)),
        description=_kept(
            change,
            before.description,
            _words("description", words.description, LONGEST_DESCRIPTION),
        ),
        models=linked,
        impact=before.impact if impact is None else impact,
        systems=systems,
        input_schema=_kept(
            change, before.input_schema, _schema("input_schema", words.input_schema)
        ),
        output_schema=_kept(
            change, before.output_schema, _schema("output_schema", words.output_schema)
        ),
    )


def _linked(change: Change, before: UseCase, names: Iterable[str]) -> tuple[ModelName, ...]:
    """Return the models, each there, in use, and one that the caller may link; its row locked against retiring.

    Who links a model makes its releases stricter, so it takes the permission on the model too.
    """
    wanted = sorted(set(names))
    if len(wanted) > MOST_LINKS:
        raise ValueInvalid("models", f"at most {MOST_LINKS} models")
    for name in wanted:
        found = readable_model(change, name, lock=True)
        if name not in before.models:
            authorize(change, Permission.USE_CASE_CREATE, on=model_resource(found))
        found.require_usable()
    return tuple(ModelName(name) for name in wanted)


def require_models(view: View, found: UseCase) -> None:
    """Raise ModelNotFound or ModelIsRetired for a model that can serve no use case any more."""
    for name in found.models:
        model = models.find_model(view, name)
        if model is None:
            raise ModelNotFound(name)
        model.require_usable()


def _owner(view: View, name: str | None, person: str | None) -> tuple[ActorId, str]:
    """Return the person who stands in duties, and the group, if one owns it (RL-8)."""
    found = find_actor(view, view.actor if name is None else name)
    group = ""
    if found is None:
        group = name or ""
        found = find_actor(view, view.actor if person is None else person)
        if found is None:
            raise ActorNotFound("user", person or view.actor)
    elif person is not None:
        raise ValueInvalid("owner_person", "only where a group is the owner")
    if not found.is_human or found.status is not ActorStatus.ACTIVE:
        raise OwnerMissing("name an owner who is an active person, or a group and such a person")
    return found.id, group


def _words(field: str, words: str | None, longest: int) -> str | None:
    if words is None:
        return None
    if not 1 <= len(words.strip()) <= longest:
        raise ValueInvalid(field, f"1 to {longest:,} characters")
    return words.strip()


def _schema(field: str, schema: Mapping[str, Any] | None) -> str | None:
    if schema is None:
        return None
    try:
        text = encode_any(dict(schema))
    except (NotCanonical, TypeError) as error:
        raise ValueInvalid(field, f"a JSON object: {error}") from error
    if not schema or len(text) > LONGEST_SCHEMA:
        raise ValueInvalid(field, f"a JSON object of at most {LONGEST_SCHEMA:,} bytes, not empty")
    return text.decode()


def _kept(change: Change, before: Commitment | None, words: str | None) -> Commitment | None:
    """Return the commitment to these words: the one there is, where they are the same."""
    if words is None or (before is not None and change.words(before) == words):
        return before
    return change.text(words)
