"""Members of a snapshot's body that other parts of the room fill: read anew when their entries come, and no sooner."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelwarden.facts.safeguards import PUSHED
from modelwarden.safeguards.snapshots.body import Topic
from modelwarden.safeguards.snapshots.building import SECTIONS, Builder, Built
from modelwarden.safeguards.snapshots.sections import Section
from modelwarden.values.system import system

if TYPE_CHECKING:
    from modelwarden.store.change import View
    from tests.safeguards.desk import Desk

CHURN, FRAUD = Topic("production", "churn"), Topic("production", "fraud")
REMINDED = frozenset({"switch.reminded", "switch.release_requested"})


def section(name: str = "faults") -> Section:
    return Section(name, lambda _view, topic: [{"of": topic.model}], REMINDED)


def look(desk: Desk, builder: Builder, *topics: Topic) -> tuple[list[Topic], list[Built]]:
    def read(view: View) -> tuple[list[Topic], list[Built]]:
        return builder.changed(view, topics), builder.build(view, topics).bodies

    return desk.warden.view(system("test"), read)


def body(found: Built) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(found.body)
    return value


def newest(desk: Desk) -> int:
    return int(desk.warden.audit.search(limit=1).items[0].seq)


def test_a_section_fills_its_member_and_leaves_the_others(desk: Desk) -> None:
    _, (found,) = look(desk, Builder([section()]), CHURN)
    assert body(found)["faults"] == [{"of": "churn"}]
    assert (body(found)["limits"], body(found)["drift"]) == ([], None)


def test_its_entry_changes_the_snapshots_of_the_models_that_it_names(desk: Desk) -> None:
    switch = desk.stop(model="churn")
    builder = Builder([section()])
    look(desk, builder, CHURN, FRAUD)
    _, (_, before) = look(desk, builder, CHURN, FRAUD)
    desk.asked(switch.id)
    changed, (churn, fraud) = look(desk, builder, CHURN, FRAUD)
    assert changed == [CHURN]
    assert churn.at.generation == newest(desk)
    assert fraud.at == before.at


def test_an_entry_that_names_no_model_changes_every_snapshot(desk: Desk) -> None:
    switch = desk.stop(region="eu")
    builder = Builder([section()])
    look(desk, builder, CHURN, FRAUD)
    desk.asked(switch.id)
    changed, found = look(desk, builder, CHURN, FRAUD)
    assert changed == [CHURN, FRAUD]
    assert {each.at.generation for each in found} == {newest(desk)}


def test_another_process_builds_the_same_bytes(desk: Desk) -> None:
    switch = desk.stop(model="churn")
    builder = Builder([section()])
    look(desk, builder, CHURN)
    desk.asked(switch.id)
    _, here = look(desk, builder, CHURN)
    _, there = look(desk, Builder([section()]), CHURN)
    assert here == there


def test_what_sections_go_by_is_told_to_all_processes() -> None:
    for each in SECTIONS:
        assert each.types <= PUSHED, each.name
