"""Attempts to make triggers stop what is well, overlook what is not, or act for whom they should not."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    NotFound,
    NotPermitted,
    OwnerNotAsked,
    ProposalOver,
    SelfAgreement,
    TriggerNotWaiting,
    ValueInvalid,
)
from modelwarden.guard.drift import psi_star
from modelwarden.safeguards.actions import LoadedVersion
from modelwarden.safeguards.counters.totals import Added, Total, step
from tests import tables
from tests.safeguards.desk import Desk
from tests.safeguards.judges import SWITCH, Judge, uuid
from tests.safeguards.test_confirming import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.values.triggers import TriggerAnswer


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    opened = Judge(Desk.opened(tables.fresh(tmp_path), tmp_path))
    with opened.desk.warden:
        yield opened


def fail_for(judge: Judge, windows: int, *, workers: int = 1) -> None:
    for _ in range(windows):
        judge.window(workers=workers, ok=800, failed=200)


def live(judge: Judge) -> int:
    return len(judge.desk.switches("dave").active().items)


def test_drift_of_fifty_rows_never_fires(judge: Judge) -> None:
    judge.automatic(name="drift", signal="psi", n_min=500)
    rng = random.Random(5)  # noqa: S311 - rows, not secrets
    base = [1_000] * 10
    for _ in range(20):
        counts = [0] * 10
        for _ in range(50):
            counts[min(9, int(rng.random() * 3))] += 1
        judge.psi(1, all=(50, psi_star(counts, base)))
        judge.psi(1, all=(50, 9.0))
    assert judge.fired("drift") == []
    assert judge.room().show("drift").verdict == "unknown"


@pytest.mark.parametrize(
    "shouts", [1_000, 10**9], ids=["as-loud-as-others", "a-million-times-as-loud"]
)
def test_one_worker_of_ten_that_lies_fires_nothing(judge: Judge, shouts: int) -> None:
    judge.automatic(ladder=({"step": "switch", "threshold": "0.5", "clear": "0.1"},))
    for _ in range(4):
        for number in range(10):
            if number not in judge.totals:
                judge.beat(number)
            judge.beat(number, **({"failed": shouts} if number == 0 else {"ok": 1_000}))
        judge.pass_on()
    assert judge.fired() == []


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -1.0, None], ids=["nan", "inf", "minus", "none"]
)
def test_a_value_that_is_none_is_unknown(judge: Judge, value: float | None) -> None:
    judge.automatic(name="drift", signal="psi", n_min=1)
    judge.psi(6, all=(10**6, value))
    assert judge.fired("drift") == []


def test_replayed_and_late_heartbeats_add_nothing(judge: Judge) -> None:
    judge.set(n_min=1_000)
    judge.beat(1)
    first = dict(judge.totals[1])
    judge.beat(1, ok=400, failed=100)
    later = dict(judge.totals[1])
    for counts in (first, later, first, later, later):
        judge.report(1, counts=counts)
    judge.pass_on()
    for counts in (first, later) * 20:
        judge.report(1, counts=counts)
    judge.pass_on()
    assert judge.fired() == []


def test_totals_begin_anew_with_a_process_and_never_count_what_a_parent_did() -> None:
    def said(count: int, *, pid: int = 1, after: float = 0.0) -> Total:
        return Total(pid, NOW + timedelta(seconds=after), {"ok": count, "open_breakers": 2})

    first = step(None, said(10**6))
    assert first.added == Added(open_breakers=2)
    child = step(first.total, said(10**6 + 5, pid=2, after=5))
    assert child.added == Added(open_breakers=2)
    grown = step(child.total, said(10**6 + 9, pid=2, after=10))
    assert grown.added is not None
    assert grown.added.decisions == 4
    assert step(grown.total, said(3, pid=2, after=15)).added is None
    assert step(grown.total, said(10**6 + 20, pid=2, after=5)).added is None
    anew = step(grown.total, said(3, pid=2, after=400))
    assert (anew.total.counts["ok"], anew.added) == (3, Added(open_breakers=2))
    wild = step(grown.total, said(10**15, pid=2, after=15))
    assert wild.added is None


def _suspend(judge: Judge) -> None:
    judge.desk.acting("root").users.suspend("dave", reason="on leave")


def _remove(judge: Judge) -> None:
    judge.desk.acting("root").users.deactivate("dave", reason="left the company")


def _suspend_account(judge: Judge) -> None:
    judge.desk.acting("root").users.suspend("pager", reason="it shouts")


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        (_suspend, "owner_inactive"),
        (_remove, "owner_inactive"),
        (_suspend_account, "account_inactive"),
    ],
    ids=["owner-suspended", "owner-gone", "account-suspended"],
)
def test_whose_owner_or_account_is_gone_only_proposes(
    judge: Judge, ending: Callable[[Judge], None], cause: str
) -> None:
    judge.automatic()
    ending(judge)
    fail_for(judge, 2)
    (fired,) = judge.room("erin").firings("errors").items
    assert (fired.act, fired.cause) == ("proposed", cause)
    assert judge.desk.switches("erin").active().items == ()
    assert [fact["cause"] for fact in judge.told("switch.proposed")] == [cause]


def test_an_account_without_the_right_only_proposes_and_the_refusal_is_told(judge: Judge) -> None:
    judge.desk.acting("root").service_accounts.add("weak", owner="dave")
    judge.automatic(account="weak")
    fail_for(judge, 2)
    assert judge.acts() == [("proposed", "no_binding")]
    assert live(judge) == 0


def test_a_budget_that_is_used_up_leaves_the_rest_to_people(judge: Judge) -> None:
    judge.automatic(name="drift", signal="psi", by="region", budget=2, consecutive=1, n_min=500)
    regions = dict.fromkeys(("br", "eu", "mx", "us"), (1000, 0.9))
    judge.psi(1, **regions)
    assert (
        sorted(judge.acts("drift")) == [("proposed", "over_budget")] * 2 + [("switched", None)] * 2
    )
    assert live(judge) == 2


def test_two_processes_that_judge_at_once_fire_once(store_url: str, tmp_path: Path) -> None:
    judge = Judge(Desk.opened(store_url, tmp_path))
    with judge.desk.warden:
        judge.automatic()
        fail_for(judge, 1)
        judge.beat(0, ok=800, failed=200)
        judge.desk.clock.advance(seconds=300)
        both = [threading.Thread(target=judge.another().idle) for _ in range(4)]
        for each in both:
            each.start()
        for each in both:
            each.join()
        assert judge.acts() == [("switched", None)]
        assert live(judge) == 1


def test_what_turned_before_a_kill_is_not_told_again(judge: Judge) -> None:
    """Die between the firing and the note that its window was looked at."""
    judge.automatic()
    fail_for(judge, 1)
    judge.beat(0, ok=800, failed=200)
    judge.desk.clock.advance(seconds=300)
    dying = judge.another()
    dying._keep = lambda looked: [dying._tell(turn) for turn in looked.turns]  # type: ignore[method-assign,assignment,return-value]
    dying.idle()
    assert len(judge.fired()) == 1
    judge.another().idle()
    assert len(judge.fired()) == 1


def test_who_may_not_write_triggers_writes_none(judge: Judge) -> None:
    for who in ("olivia", "ulla", "ivan"):
        with pytest.raises(NotPermitted):
            judge.set(who)
    judge.set()
    with pytest.raises(NotPermitted):
        judge.room("olivia").retire("errors")


def test_one_person_never_agrees_to_what_they_wrote(judge: Judge) -> None:
    made = judge.set(ladder=SWITCH, auto_activate=True, account="pager")
    assert (made.state, made.waiting) == ("waiting", 1)
    with pytest.raises(SelfAgreement):
        judge.room("dave").approve("errors")
    fail_for(judge, 3)
    assert judge.fired() == []
    lent = judge.desk.acting("root").service_accounts.add("daves-robot", owner="dave")
    judge.desk.acting("root").roles.grant(lent.handle, "operator", reason="automation")
    with pytest.raises(NotPermitted):
        judge.room("daves-robot").approve("errors")
    assert judge.room("erin").approve("errors").state == "in_force"
    with pytest.raises(TriggerNotWaiting):
        judge.room("gina").approve("errors")


def test_nobody_lends_an_account_of_somebody_else(judge: Judge) -> None:
    made = judge.set("erin", ladder=SWITCH, auto_activate=True, account="pager")
    assert made.owner == "dave"
    with pytest.raises(OwnerNotAsked):
        judge.room("gina").approve("errors")
    assert judge.room("dave").approve("errors").state == "in_force"
    observing = ({"step": "observe", "threshold": "0.1", "clear": "0.05"},)
    with pytest.raises(OwnerNotAsked):
        judge.set("erin", name="quiet", ladder=observing, account="pager")


@pytest.mark.parametrize(
    "change",
    [
        {"window_s": 600}, {"n_min": 5_000}, {"consecutive": 3}, {"dry_run": True}, {"model": "fraud"},
        {"signal": "clip_rate"}, {"ladder": ({"step": "proposal", "threshold": "0.9", "clear": "0.05"},)},
        {"ladder": ({"step": "note", "threshold": "0.1", "clear": "0.05"},)},
    ],
    ids=["longer", "more-rows", "more-in-a-row", "dry", "other-model", "other-signal", "higher", "weaker"],
)  # fmt: skip
def test_letting_more_pass_takes_a_second_person(judge: Judge, change: dict[str, object]) -> None:
    judge.set()
    made: TriggerAnswer = judge.set(**change)
    assert (made.state, made.version) == ("waiting", 2)
    fail_for(judge, 2)
    assert [each.version for each in judge.fired()] == [1]


def test_tightening_takes_one_and_retiring_takes_two(judge: Judge) -> None:
    judge.set()
    tighter = ({"step": "proposal", "threshold": "0.05", "clear": "0.01"},)
    assert judge.set(ladder=tighter).state == "in_force"
    assert judge.set(ladder=tighter).version == 2
    asked = judge.room("dave").retire("errors")
    assert (asked.state, asked.ends) == ("waiting", True)
    with pytest.raises(SelfAgreement):
        judge.room("dave").approve("errors")
    fail_for(judge, 2)
    assert len(judge.fired()) == 1
    assert judge.room("erin").approve("errors").state == "retired"
    fail_for(judge, 4)
    assert len(judge.fired()) == 1
    assert judge.room().list().items == ()


@pytest.mark.parametrize("days", [-40, 40], ids=["back", "ahead"])
def test_a_clock_that_jumps_fires_nothing_and_blinds_nothing(judge: Judge, days: int) -> None:
    judge.set()
    for _ in range(3):
        judge.window(ok=1_000)
    right = judge.desk.clock.time
    judge.desk.clock.time = right + timedelta(days=days)
    judge.judging.idle()
    assert judge.fired() == []
    judge.desk.clock.time = right
    judge.judging.idle()
    fail_for(judge, 4)
    assert len(judge.fired()) == 1


def test_a_signal_that_flaps_about_its_border_fires_once(judge: Judge) -> None:
    judge.automatic()
    for _ in range(10):
        for failed in (120, 120, 80):
            judge.window(ok=1_000 - failed, failed=failed)
    assert len(judge.fired()) == 1
    assert judge.told("trigger.cleared") == []


def test_two_bad_windows_of_different_days_are_none_in_a_row(judge: Judge) -> None:
    judge.set()
    fail_for(judge, 1)
    for _ in range(10):
        judge.window(ok=10)
    fail_for(judge, 1)
    assert judge.fired() == []
    fail_for(judge, 1)
    assert len(judge.fired()) == 1


def test_what_people_released_stays_released_until_it_cleared_and_fired_again(judge: Judge) -> None:
    judge.automatic()
    fail_for(judge, 2)
    (switch,) = judge.desk.switches("dave").active().items
    judge.desk.asked(switch.id, "gina")
    judge.desk.confirm(switch.id, "erin")
    fail_for(judge, 4)
    judge.set(ladder=SWITCH, auto_activate=True, account="pager", max_share=10_000, n_min=100)
    judge.room("erin").approve("errors")  # nor does a new version of the trigger bring it back
    fail_for(judge, 4)
    assert live(judge) == 0
    for _ in range(2):
        judge.window(ok=1_000)
    fail_for(judge, 2)
    assert live(judge) == 1


def test_a_proposal_is_accepted_by_one_who_may_once_and_in_time(judge: Judge) -> None:
    judge.set()
    fail_for(judge, 2)
    (proposed,) = judge.desk.switches("dave").proposals().items
    for who in ("ulla", "ivan", "root"):
        room = judge.desk.switches(who)
        if who == "root":
            continue
        with pytest.raises(NotPermitted):
            room.accept(proposed.id)
    with pytest.raises(NotPermitted):
        judge.desk.switches("pager").accept(proposed.id)
    assert judge.desk.switches("olivia").accept(proposed.id).accepted_by == "olivia"
    with pytest.raises(ProposalOver):
        judge.desk.switches("erin").accept(proposed.id)
    with pytest.raises(NotFound):
        judge.desk.switches("erin").accept("prp_0")
    for _ in range(2):
        judge.window(ok=1_000)
    fail_for(judge, 2)
    (later,) = judge.desk.switches("dave").proposals().items
    judge.desk.clock.advance(seconds=3_601)
    with pytest.raises(ProposalOver):
        judge.desk.switches("erin").accept(later.id)


@pytest.mark.parametrize(
    "fields",
    [
        {"window_s": 61}, {"window_s": 0}, {"n_min": 0}, {"consecutive": 11}, {"max_share": 10_001}, {"budget": -1},
        {"signal": "mood"}, {"by": "region"}, {"name": "~fleet"}, {"name": "Not A Name"},
        {"ladder": [{"step": "note"}]},
        {"ladder": [{"step": "note", "threshold": "nan", "clear": "0"}]},
        {"ladder": [{"step": "note", "threshold": "1e999", "clear": "0"}]},
        {"ladder": [{"step": "note", "threshold": True, "clear": False}]},
        {"ladder": [{"step": "note", "threshold": "0.1", "clear": "0.2"}]},
        {"ladder": [{"step": "explode", "threshold": "0.1", "clear": "0.05"}]},
        {"auto_activate": True}, {"account": "dave"}, {"owner": "pager"},
    ],
    ids=[
        "seconds", "no-window", "no-rows", "too-long-a-row", "over-whole", "no-budget", "no-signal", "no-split",
        "tilde", "no-name", "half-a-rung", "nan", "infinite", "booleans", "clears-above", "no-step", "no-account",
        "a-person", "no-person",
    ],
)  # fmt: skip
def test_a_trigger_of_another_form_is_none(judge: Judge, fields: dict[str, object]) -> None:
    with pytest.raises(ValueInvalid):
        judge.set(**fields)


def test_guards_of_a_fleet_say_together_what_is_wrong_and_once(judge: Judge) -> None:
    def beat(*, opened: int, refusing: int) -> None:
        for number in range(6):
            rejected = "signature_invalid" if number < refusing else None
            judge.report(number, counts={"open_breakers": int(number < opened)}, rejected=rejected)
        judge.judging.idle()

    beat(opened=2, refusing=1)
    assert judge.told("breaker.fleet_opened") == judge.told("snapshots.refused") == []
    for _ in range(3):
        beat(opened=3, refusing=2)
    (opened,) = judge.told("breaker.fleet_opened")
    assert (opened["open"], opened["workers"], opened["metrics_only"]) == (3, 6, False)
    (refused,) = judge.told("snapshots.refused")
    assert (refused["workers"], refused["severity"]) == (2, "SEV1")
    beat(opened=6, refusing=0)
    assert [each["metrics_only"] for each in judge.told("breaker.fleet_opened")] == [False, True]
    beat(opened=0, refusing=0)
    beat(opened=3, refusing=2)
    assert len(judge.told("breaker.fleet_opened")) == 3
    assert len(judge.told("snapshots.refused")) == 2


def test_a_guard_that_claims_versions_fills_no_ledger(judge: Judge) -> None:
    for turn in range(5):
        claimed = tuple(LoadedVersion(f"9.{turn}.{each}", f"{turn:064x}") for each in range(50))
        odd = (LoadedVersion("\u202e not a label", None), LoadedVersion("1.4.0", f"{turn:064x}"))
        judge.report(1, versions=(*claimed, *odd))
        judge.judging.idle()
    seen = judge.told("undeployed.version_seen")
    assert len(seen) == 2
    assert sorted(each["registered"] for each in seen) == [False, True]


def test_another_artifact_than_the_registered_one_is_seen_once(
    judge: Judge, tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_bytes(b"a model")
    made = judge.desk.acting("olivia").versions.register(
        "churn", "2.0.0", artifact=tmp_path / "model.bin"
    )
    right = str(made.sha256)
    judge.report(1, versions=(LoadedVersion("2.0.0", right),))
    judge.judging.idle()
    assert judge.told("artifact.mismatch_seen") == []
    for digest in ("e" * 64, "e" * 64, "d" * 64):
        judge.report(2, versions=(LoadedVersion("2.0.0", digest),))
        judge.judging.idle()
    (found,) = judge.told("artifact.mismatch_seen")
    assert (found["registered"], found["found"], found["severity"]) == (right, "e" * 64, "SEV1")
    assert found["instances"] == [uuid(2)]
