"""Members of a snapshot's body that other parts of this room fill: drills, drift, and what comes.

A part gives a function that reads its member from the view that the body is built from, and the types of the entries
that may change it. Such an entry concerns the models that it names; one that names none concerns every snapshot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.safeguards.snapshots import queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from modelwarden.safeguards.snapshots.body import Topic
    from modelwarden.safeguards.snapshots.queries import Told
    from modelwarden.store.change import View


class Section(NamedTuple):
    """One member of the body.

    Attributes:
        name: of the member.
        read: returns its value for a topic: JSON, the same for the same state.
        types: of entries that may change it; they stand in `facts.safeguards.PUSHED` too, so that all are told at once.
    """

    name: str
    read: Callable[[View, Topic], object]
    types: frozenset[str] = frozenset()


def moved_by(sections: Iterable[Section], news: Sequence[Told]) -> frozenset[str] | None:
    """Return the models whose snapshots these entries may change through a section; None for all models."""
    types = frozenset().union(*(each.types for each in sections))
    named: set[str] = set()
    for told in news:
        if told.type not in types:
            continue
        models = told.models
        if not models:
            return None
        named |= models
    return frozenset(named)


def last_moved(sections: Iterable[Section], view: View, topic: Topic) -> int:
    """Return the number of the entry that last changed what sections say of a topic; 0 where none did."""
    types = sorted(frozenset().union(*(each.types for each in sections)))
    return queries.last_about(view, types, topic.model) if types else 0
