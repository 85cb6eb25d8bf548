"""The authorised reads of entries: search, one entry, the history of a version (LG-40).

A binding without scope sees all. One with a scope sees what concerns the models in it, and has to name one.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from modelwarden.access.allowed import authorize, current, readable
from modelwarden.access.authorize import is_current
from modelwarden.access.queries import find_actor
from modelwarden.audit import queries, texts
from modelwarden.audit.indexing import indexed_to
from modelwarden.audit.search import EntryFilter
from modelwarden.errors import FilterInvalid, NotFound, NotPermitted
from modelwarden.ledger.entry import Stored, chain_start, line
from modelwarden.permissions import Permission
from modelwarden.registry import actions as registry
from modelwarden.values.answers import EntryAnswer
from modelwarden.values.ids import Label, ModelName, version_name
from modelwarden.values.pages import Listing, Page, cursor_for
from modelwarden.values.principal import ActorStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.audit.queries import Found
    from modelwarden.store.change import View

ALL: Final = EntryFilter()
ABOUT_A_MODEL: Final = frozenset({"model", "version"})


def search(
    view: View, wanted: EntryFilter, *, page: Page, include_texts: bool = False
) -> Listing[EntryAnswer]:
    """Return a page of the entries that fit, newest first; a short page may have a cursor.

    A search for words says by `indexed_to` how many entries it knows; `include_texts` opens erasable texts too, which
    takes `personal.read` and is recorded.

    Raises:
        SearchTooWide: of texts.
        NotPermitted: no `audit.read`, or one for some models only and `subject` names none of them.
        ModelNotFound: the model is not there, or may not be read.
        CursorInvalid: the cursor is another list's.
    """
    wanted = with_ids(view, wanted)
    if not readable(view, Permission.AUDIT_READ):
        _authorize_scoped(view, wanted)
    if wanted.text is None:
        if include_texts:
            raise FilterInvalid("include_texts", "left out where no text is looked for")
        return _page(view, wanted, page)
    if not include_texts:
        return replace(_page(view, wanted, page), indexed_to=indexed_to(view))
    below = queries.END if page.after_number is None else page.after_number
    return _listing(view, texts.find(view, wanted, below=below, limit=page.limit))


def entry(view: View, seq: int) -> EntryAnswer:
    """Return one entry. Raises NotPermitted, and NotFound also for one outside of the caller's scopes."""
    authorize_somewhere(view)
    found = stored_entry(view, seq)
    answer = entry_answer(view, found)
    if not readable(view, Permission.AUDIT_READ) and not _is_in_scope(view, answer.entry):
        raise NotFound("entry", str(seq))
    return answer


def history(
    view: View, model: str, *, label: str | None = None, page: Page
) -> Listing[EntryAnswer]:
    """Return a page of what happened to a model, or to one of its versions; whoever may read it may read this.

    Raises:
        ModelNotFound, VersionNotFound: not there, or not readable.
    """
    registry.model(view, model)
    subject = ("model", model)
    if label is not None:
        registry.version(view, model, label)
        subject = ("version", version_name(ModelName(model), Label(label)))
    return _page(view, EntryFilter(subject=subject), page)


def use_case_history(view: View, name: str, *, page: Page) -> Listing[EntryAnswer]:
    """Return a page of what happened to a use case; whoever may read it may read this. Raises UseCaseNotFound."""
    found = registry.use_case(view, name)
    return _page(view, EntryFilter(subject=("use_case", found.name)), page)


def authorize_somewhere(view: View) -> None:
    """Raise NotPermitted unless the caller may read some entries at least."""
    if not current(view).grants.get(Permission.AUDIT_READ) or not _may_by_token(view):
        authorize(view, Permission.AUDIT_READ)


def may_read_some(view: View) -> bool:
    """Tell whether the caller may read some entries at least, here and now."""
    principal = current(view)
    grants = principal.grants.get(Permission.AUDIT_READ, ())
    return readable(view, Permission.AUDIT_READ) or (
        principal.status is ActorStatus.ACTIVE
        and _may_by_token(view)
        and any(is_current(grant, view.now) for grant in grants)
    )


def may_read(view: View, body: Mapping[str, Any]) -> bool:
    """Tell whether the caller may read an entry, by its parsed body."""
    return readable(view, Permission.AUDIT_READ) or _is_in_scope(view, body)


def with_ids(view: View, wanted: EntryFilter) -> EntryFilter:
    """Return the filter with handles replaced by ids; who is not known stays, and is found nowhere."""
    if wanted.actor is not None:
        wanted = replace(wanted, actor=_actor_id(view, wanted.actor))
    if wanted.subject is not None and wanted.subject[0] == "actor":
        wanted = replace(wanted, subject=("actor", _actor_id(view, wanted.subject[1])))
    return wanted


def stored_entry(view: View, seq: int) -> Stored:
    """Return one entry as it is stored. Raises NotFound."""
    found = queries.entries_at(view, [seq]).get(seq)
    if found is None:
        raise NotFound("entry", str(seq))
    return found


def entry_answer(view: View, found: Stored) -> EntryAnswer:
    """Return an entry as callers see it."""
    return _answer(found, previous_hash(view, found.seq))


def previous_hash(view: View, seq: int) -> bytes:
    """Return the hash that the entry of this number is chained to. Raises NotFound where that entry is missing."""
    return chain_start(view.keyring.origin) if seq == 0 else stored_entry(view, seq - 1).entry_hash


def _page(view: View, wanted: EntryFilter, page: Page) -> Listing[EntryAnswer]:
    after = page.after_number
    below = queries.END if after is None else after
    return _listing(view, queries.page(view, wanted, below=below, limit=page.limit))


def _listing(view: View, found: Found) -> Listing[EntryAnswer]:
    rows = queries.entries_at(view, sorted({n for seq in found.seqs for n in (seq, seq - 1)}))
    start = chain_start(view.keyring.origin)
    items = tuple(
        _answer(rows[seq], rows[seq - 1].entry_hash if seq else start)
        for seq in found.seqs
        if seq in rows and (seq == 0 or seq - 1 in rows)
    )
    return Listing(items, None if found.below is None else cursor_for(found.below))


def _answer(found: Stored, previous: bytes) -> EntryAnswer:
    return EntryAnswer(
        seq=found.seq,
        previous_hash=previous.hex(),
        leaf_hash=found.leaf.hex(),
        entry_hash=found.entry_hash.hex(),
        entry=_parsed(found.body),
        line=line(found, previous).decode(errors="replace").removesuffix("\n"),
    )


def _parsed(body: bytes) -> dict[str, Any]:
    """Return what a body says; nothing for one that was altered, which verification names."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _authorize_scoped(view: View, wanted: EntryFilter) -> None:
    authorize_somewhere(view)
    if wanted.subject is None or wanted.subject[0] not in ABOUT_A_MODEL:
        raise NotPermitted(
            "your audit.read holds for some models only: name one with subject=model:NAME",
            reasons=("binding_out_of_scope",),
            permission=Permission.AUDIT_READ.value,
        )
    model = registry.model(view, wanted.subject[1].partition("@")[0])
    authorize(view, Permission.AUDIT_READ, on=registry.resource_of(model))


def _is_in_scope(view: View, body: Mapping[str, Any]) -> bool:
    """Tell whether an entry concerns a model in one of the caller's scopes."""
    for name in body.get("about", ()):
        kind, _, about = name.partition(":")
        if kind in ABOUT_A_MODEL and _may_read_of(view, about.partition("@")[0]):
            return True
    return False


def _may_read_of(view: View, model: str) -> bool:
    try:
        found = registry.model(view, model)
    except NotFound:
        return False
    return readable(view, Permission.AUDIT_READ, on=registry.resource_of(found))


def _may_by_token(view: View) -> bool:
    scopes = current(view).token_scopes
    return scopes is None or Permission.AUDIT_READ in scopes


def _actor_id(view: View, name: str) -> str:
    actor = find_actor(view, name)
    return name if actor is None else actor.id
