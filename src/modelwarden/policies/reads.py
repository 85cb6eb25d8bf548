"""The authorised reads of policies, and what governs a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize, readable
from modelwarden.access.queries import accounts_of, find_actor
from modelwarden.errors import ActorNotFound, PolicyNotFound, SettingInvalid
from modelwarden.permissions import Permission
from modelwarden.policies import queries
from modelwarden.policies.built_in import built_in
from modelwarden.policies.document import (
    PolicyDocument,
    named_persons,
    parse,
    with_persons,
)
from modelwarden.policies.governing import Requirements, join
from modelwarden.policies.policy import PolicyVersion, split_reference
from modelwarden.values.ids import Digest, PersonId, PolicyName
from modelwarden.values.pages import Listing, Page, cursor_for, listing

if TYPE_CHECKING:
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.store.change import View
    from modelwarden.values.ids import ModelName

NO_VERSION: Final = 2**31 - 1
PERSON: Final = "per_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """A document that could be published: `hash` is what the request to publish it names."""

    name: PolicyName
    hash: Digest
    document: PolicyDocument


def requirements(view: View, model: ModelName | None, environment: Environment) -> Requirements:
    """Return what a release of this model to this environment has to meet (POL-6).

    What is assigned to the model, as a whole and for the environment, holds together; without any, what is assigned
    globally; without that, `default_policy`. Asks for no permission: rooms above authorised the model.
    """
    found = governing(view, model, environment)
    return join([(version.ref, version.parsed) for version in found], environment)


def governing(view: View, model: ModelName | None, environment: Environment) -> list[PolicyVersion]:
    """Return the policies that hold together here, by name; asks for no permission."""
    return [_latest(view, name) for name in _governing(view, model, environment)]


def policy(view: View, reference: str) -> PolicyVersion:
    """Return the latest version of `name`, or the one that `name@version` names. Raises PolicyNotFound."""
    found = find_policy_version(view, reference)
    if found is None or not readable(view, Permission.POLICY_READ):
        raise PolicyNotFound(reference)
    return found


def policies(view: View, page: Page) -> Listing[PolicyVersion]:
    """Return a page of the latest version of each policy, by name, those of the program among them."""
    authorize(view, Permission.POLICY_READ)
    after = page.after or ""
    own = queries.latest_after(view, after, limit=page.limit)
    given = [version for name, version in built_in().items() if name > after]
    both = sorted([*own, *given], key=lambda version: version.name)[: page.limit]
    full = len(both) == page.limit
    return Listing(tuple(both), cursor_for(both[-1].name) if full and both else None)


def policy_versions(view: View, name: str, page: Page) -> Listing[PolicyVersion]:
    """Return a page of a policy's versions, newest first. Raises PolicyNotFound."""
    policy(view, name)
    preset = built_in().get(name)
    if preset is not None:
        return Listing((preset,) if page.after is None else ())
    before = page.after_number or NO_VERSION
    found = queries.versions_before(view, name, before=before, limit=page.limit)
    return listing(found, page, key=str(found[-1].version) if found else None)


def prepare_policy(text: str) -> PolicyDocument:
    """Read a document before the change that publishes it. Raises PolicyInvalid, CheckUnknownType."""
    return parse(text)


def lint(view: View, text: str) -> Lint:
    """Check a document and return what publishing would hash. Raises PolicyInvalid, CheckUnknownType, ActorNotFound."""
    authorize(view, Permission.POLICY_DRAFT)
    document = resolved(view, parse(text))
    return Lint(name=PolicyName(document.name), hash=document.hash, document=document)


def resolved(view: View, document: PolicyDocument) -> PolicyDocument:
    """Return the document with people named by their random ids (POL-2). Raises ActorNotFound."""
    names = named_persons(document)
    return (
        with_persons(document, {name: _person(view, name) for name in names}) if names else document
    )


def find_policy_version(view: View, reference: str) -> PolicyVersion | None:
    """Return the version that a reference names, or None."""
    name, number = split_reference(reference)
    preset = built_in().get(name)
    if preset is not None:
        return preset if number in {None, preset.version} else None
    if number is not None:
        return queries.find_version(view, name, version=number)
    return next(iter(queries.latest_versions(view, [name])), None)


def _governing(view: View, model: ModelName | None, environment: Environment) -> list[str]:
    """Return the names of the policies that hold together here."""
    assigned = queries.assignments_for(view, model, environment)
    own = {item.policy for item in assigned if item.model is not None}
    return sorted(own or {item.policy for item in assigned}) or [view.settings.default_policy]


def _latest(view: View, reference: str) -> PolicyVersion:
    found = find_policy_version(view, reference)
    if found is None:
        raise SettingInvalid(f"default_policy names {reference!r}, and there is no such policy")
    return found


def _person(view: View, name: str) -> PersonId:
    if name.startswith(PERSON) and accounts_of(view, PersonId(name)):
        return PersonId(name)
    actor = find_actor(view, name)
    if actor is None or not actor.is_human:
        raise ActorNotFound("user", name)
    return actor.person
