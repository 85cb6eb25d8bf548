"""Triggers over the counts of guards: they fire on enough, once, as who they are, and clear with hysteresis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safeguards.desk import Desk
from tests.safeguards.judges import SWITCH, Judge

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def judge(desk: Desk) -> Judge:
    return Judge(desk)


def test_errors_become_a_proposal_that_one_person_accepts(judge: Judge) -> None:
    made = judge.set()
    assert (made.state, made.version, made.owner) == ("in_force", 1, "dave")
    judge.window(ok=800, failed=200)
    assert judge.fired() == []
    judge.window(ok=800, failed=200)
    (fired,) = judge.fired()
    assert (fired.step, fired.act, fired.value, fired.n) == (
        "proposal",
        "proposed",
        "0.200000",
        1000,
    )
    assert [(each["n"], each["value"]) for each in fired.evidence] == [(1000, "0.200000")] * 2
    assert fired.evidence[0]["counts"]["bad"] == 200
    (proposed,) = judge.desk.switches("dave").proposals().items
    assert (proposed.state, proposed.cause, proposed.scope) == (
        "open",
        "by_people",
        {"model": "churn"},
    )
    assert proposed.lkg_before == fired.first_at
    accepted = judge.desk.switches("erin").accept(proposed.id)
    assert (accepted.state, accepted.accepted_by) == ("accepted", "erin")
    switch = judge.desk.switches("dave").show(str(accepted.switch))
    assert (switch.action, switch.fallback, switch.activated_by) == ("fallback", ("chain",), "erin")
    assert (switch.lkg_before, switch.evidence) == (fired.first_at, fired.id)
    assert [fact["act"] for fact in judge.told("trigger.fired")] == ["proposed"]
    (classified,) = (fact for fact in judge.told("severity.classified") if "firing" in fact)
    assert (classified["base"], classified["severity"], classified["share"]) == (
        "SEV2",
        "SEV1",
        10_000,
    )


def test_an_automatic_trigger_switches_as_its_account_with_its_owner_behind(judge: Judge) -> None:
    assert judge.automatic().state == "in_force"
    for _ in range(2):
        judge.window(ok=800, failed=200)
    assert judge.acts() == [("switched", None)]
    (switch,) = judge.desk.switches("dave").active().items
    assert (switch.activated_by, switch.via, switch.lkg_before) == (
        "pager", "program", judge.fired()[0].first_at,
    )  # fmt: skip
    entry = next(e for e in judge.desk.entries() if e["type"] == "trigger.fired")
    assert (
        entry["actor"]["person"]
        == judge.desk.warden.acting_as("dave").triggers._bound.principal.person
    )


def test_it_clears_below_the_lower_border_alone_and_fires_again_after_that(judge: Judge) -> None:
    judge.set()
    for failed in (200, 200, 70, 200, 70, 60):
        judge.window(ok=1000 - failed, failed=failed)
    assert len(judge.fired()) == 1
    assert judge.told("trigger.cleared") == []
    for failed in (40, 40):
        judge.window(ok=1000 - failed, failed=failed)
    assert [fact["step"] for fact in judge.told("trigger.cleared")] == ["proposal"]
    for failed in (70, 200, 70, 200):
        judge.window(ok=1000 - failed, failed=failed)
    assert len(judge.fired()) == 1
    judge.window(ok=800, failed=200)
    assert len(judge.fired()) == 2


def test_too_little_and_nothing_at_all_neither_fire_nor_clear(judge: Judge) -> None:
    judge.set()
    judge.window(ok=800, failed=200)
    judge.window(ok=1, failed=100)
    judge.window()
    assert judge.fired() == []
    judge.window(ok=800, failed=200)
    assert len(judge.fired()) == 1
    for _ in range(5):
        judge.window(ok=199)
    assert judge.told("trigger.cleared") == []
    assert judge.room().show("errors").verdict == "fail"


def test_a_region_that_drifts_is_switched_alone(judge: Judge) -> None:
    judge.automatic(
        name="drift", signal="psi", by="region", max_share=2_500, n_min=500, consecutive=3
    )
    judge.psi(2, eu=(1_000, 0.6), us=(9_000, 0.01))
    assert judge.fired("drift") == []
    judge.psi(1, eu=(1_000, 0.6), us=(9_000, 0.01))
    (fired,) = judge.fired("drift")
    assert (fired.by_value, fired.share, fired.act) == ("eu", 1_000, "switched")
    (switch,) = judge.desk.switches("dave").active().items
    assert switch.scope == {"model": ["churn"], "region": ["eu"]}
    assert "eu" not in str(judge.told("trigger.fired"))


def test_the_strongest_rung_acts_and_the_lower_ones_go_with_it(judge: Judge) -> None:
    ladder = [
        {"step": step, "threshold": fire, "clear": clear}
        for step, fire, clear in (("note", "0.1", "0.05"), ("observe", "0.25", "0.1"), ("proposal", "0.5", "0.2"))
    ]  # fmt: skip
    judge.set(name="drift", signal="psi", by="region", ladder=ladder, account="pager", n_min=500)
    judge.psi(2, eu=(900, 0.3))
    judge.psi(2, eu=(900, 0.7))
    assert judge.acts("drift") == [("observed", None), ("proposed", "by_people")]
    (switch,) = judge.desk.switches("dave").active().items
    assert (switch.action, switch.on_expiry) == ("observe", "release")
    judge.psi(2, eu=(900, 0.07))
    assert [fact["step"] for fact in judge.told("trigger.cleared")] == ["proposal"]
    judge.psi(2, eu=(900, 0.01))
    assert [fact["step"] for fact in judge.told("trigger.cleared")] == ["proposal", "note"]


@pytest.mark.parametrize(
    ("fields", "rows", "cause"),
    [
        ({"max_share": 2_500}, (4_000, 6_000), "too_wide"),
        ({"max_share": 2_500, "budget": 0}, (1_000, 9_000), "over_budget"),
    ],
    ids=["wide", "spent"],
)
def test_what_it_may_not_do_alone_is_proposed(
    judge: Judge, fields: dict[str, int], rows: tuple[int, int], cause: str
) -> None:
    judge.automatic(name="drift", signal="psi", by="region", **fields)
    judge.psi(3, eu=(rows[0], 0.6), us=(rows[1], 0.0))
    assert judge.acts("drift") == [("proposed", cause)]
    assert judge.desk.switches("dave").active().items == ()
    assert [fact["cause"] for fact in judge.told("switch.proposed")] == [cause]


def test_a_trigger_that_nobody_let_act_only_proposes(judge: Judge) -> None:
    judge.set(name="drift", signal="psi", by="region", ladder=SWITCH, account="pager")
    judge.psi(3, eu=(1_000, 0.6), us=(9_000, 0.0))
    assert judge.acts("drift") == [("proposed", "not_automatic")]


def test_a_drill_is_seen_and_never_switched(judge: Judge) -> None:
    judge.automatic(name="drift", signal="psi")
    judge.given.more = {"drilled": 3}
    judge.psi(2, all=(1_000, 0.6))
    assert judge.acts("drift") == [("proposed", "drill")]


def test_a_trigger_that_is_tried_out_notes_alone(judge: Judge) -> None:
    judge.automatic(dry_run=True)
    for _ in range(2):
        judge.window(ok=800, failed=200)
    assert judge.acts() == [("noted", "dry_run")]
    assert judge.desk.switches("dave").proposals().items == ()


def test_a_proposal_lapses_after_an_hour_and_is_told_once(judge: Judge) -> None:
    judge.set()
    for _ in range(2):
        judge.window(ok=800, failed=200)
    (proposed,) = judge.desk.switches("dave").proposals().items
    judge.pass_on(7_200)
    assert judge.desk.switches("dave").proposals().items == ()
    (listed,) = judge.desk.switches("dave").proposals(everything=True).items
    assert (listed.id, listed.state) == (proposed.id, "lapsed")
    judge.pass_on(300)
    assert len(judge.told("proposal.lapsed")) == 1


def test_a_person_says_how_bad_it_is(judge: Judge) -> None:
    judge.set()
    for _ in range(2):
        judge.window(ok=800, failed=200)
    (fired,) = judge.fired()
    said = judge.room("erin").override_severity(fired.id, severity="SEV3", reason="a test tenant")
    assert (said.severity, said.base, said.overridden_by, said.reason) == (
        "SEV3", "SEV2", "erin", "a test tenant",
    )  # fmt: skip
    assert [fact["moved"] for fact in judge.told("severity.classified")][-1] == ["person"]


def test_both_databases_judge_alike(store_url: str, tmp_path: Path) -> None:
    judge = Judge(Desk.opened(store_url, tmp_path))
    with judge.desk.warden:
        judge.automatic()
        for _ in range(2):
            judge.window(workers=3, ok=800, failed=200)
        assert judge.acts() == [("switched", None)]
        for _ in range(2):
            judge.window(workers=3, ok=1000)
        assert len(judge.told("trigger.cleared")) == 1
        assert [each.name for each in judge.room().list().items] == ["errors"]
