"""How bad something is, and whether anything would notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ModelNotFound
from modelwarden.guard.drift import Alarm as DriftAlarm
from modelwarden.guard.drift import Rung as DriftRung
from modelwarden.guard.drift import after_window
from modelwarden.safeguards.severity.built_in import severity_rules
from modelwarden.safeguards.severity.classify import WORST_FIRST, Concern, classify
from modelwarden.safeguards.severity.failure_modes import NOTICED, failure_modes
from modelwarden.safeguards.triggers.judge import Alarm, Rule, Rung, judged
from modelwarden.safeguards.triggers.signal import SIGNALS, Part, Window, fair
from tests.house.source import ROOT
from tests.safeguards.drill_desk import ran
from tests.safeguards.judges import Judge
from tests.safeguards.test_confirming import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from tests.safeguards.desk import Desk


@pytest.mark.parametrize(
    ("signal", "value", "share", "tier", "base", "severity"),
    [
        ("psi", 0.6, 2_000, 3, "SEV2", "SEV2"), ("psi", 0.3, 2_000, 3, "SEV3", "SEV3"),
        ("psi", 0.11, 2_000, 3, "SEV4", "SEV4"), ("psi", None, 2_000, 3, "SEV2", "SEV2"),
        ("clip_rate", 0.06, 2_000, 3, "SEV3", "SEV3"), ("clip_rate", 0.02, 2_000, 3, "SEV4", "SEV4"),
        ("error_rate", 0.2, 5_001, 3, "SEV2", "SEV1"), ("error_rate", 0.2, 5_000, 3, "SEV2", "SEV2"),
        ("error_rate", 0.2, None, 3, "SEV2", "SEV1"), ("error_rate", 0.2, 2_000, 1, "SEV2", "SEV1"),
        ("error_rate", 0.2, 499, 3, "SEV2", "SEV3"), ("error_rate", 0.2, 499, 2, "SEV2", "SEV2"),
        ("error_rate", 0.2, 499, None, "SEV2", "SEV2"), ("error_rate", 0.2, 499, 1, "SEV2", "SEV1"),
        ("artifact_mismatch", None, None, 1, "SEV1", "SEV1"), ("clip_rate", 0.02, 1, 4, "SEV4", "SEV4"),
        ("nobody_knows", 1.0, 2_000, 3, "SEV3", "SEV3"),
    ],
    ids=[
        "far", "further", "a-little", "unknown-value", "clip", "clip-less", "wide", "half", "unknown-share", "tier-1",
        "small", "small-tier-2", "small-no-tier", "small-tier-1", "worst", "least", "unlisted",
    ],
)  # fmt: skip
def test_rules_say_how_bad_it_is(
    signal: str, value: float | None, share: int | None, tier: int | None, base: str, severity: str
) -> None:
    found = classify(Concern(signal, value, share, tier), severity_rules())
    assert (found.base, found.severity, found.rules) == (base, severity, 2)


@given(
    st.sampled_from(sorted(SIGNALS)), st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.integers(0, 10_000)), st.one_of(st.none(), st.integers(1, 4)),
)  # fmt: skip
def test_it_moves_by_one_step_at_most_and_unknown_is_never_milder(
    signal: str, value: float | None, share: int | None, tier: int | None
) -> None:
    rules = severity_rules()
    found = classify(Concern(signal, value, share, tier), rules)
    place = WORST_FIRST.index(found.severity)
    assert abs(place - WORST_FIRST.index(found.base)) <= 1
    assert WORST_FIRST.index(classify(Concern(signal, value, None, tier), rules).severity) <= place


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=30), st.integers(1, 4))
def test_alarms_turn_as_those_of_drift_do(values: list[float | None], consecutive: int) -> None:
    mine, theirs = Alarm(), DriftAlarm()
    for place, value in enumerate(values):
        window = Window("psi", None, minute(place), minute(place + 1), 1_000, value, {})
        mine = judged(mine, window, Rung("note", 0.5, 0.2), Rule(1, consecutive)).alarm
        theirs = after_window(theirs, value, DriftRung(0.5, 0.2), consecutive=consecutive)
        if None not in values:  # apart from rows that lie too far apart
            assert (mine.firing, mine.streak) == (theirs.firing, theirs.streak)


def minute(place: int) -> datetime:
    return NOW.replace(hour=place // 60, minute=place % 60)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=3, max_size=20),
    st.integers(0, 10**12),
)
def test_no_single_worker_has_more_to_say_than_four_others(
    parts: list[tuple[int, int]], shout: int
) -> None:
    honest = [Part(str(place), n, 0) for place, (n, _) in enumerate(parts) if n]
    found = fair([*honest, Part("liar", shout, shout)])
    assert all(part.bad <= part.n for part in found.parts)
    assert (found.n, found.bad) == (sum(p.n for p in found.parts), sum(p.bad for p in found.parts))
    if len(honest) >= 3:
        middling = sorted(part.n for part in [*honest, *([Part("", shout, 0)] if shout else [])])
        assert found.bad <= 4 * middling[(len(middling) - 1) // 2]


def test_every_failure_mode_is_whole_and_its_runbook_is_there() -> None:
    found = failure_modes()
    assert len({mode.name for mode in found}) == len(found) >= 20
    for mode in found:
        assert (ROOT / "docs" / mode.runbook).is_file(), mode.name
        assert mode.detectors, mode.name
        assert mode.cause
        assert mode.action
    known = {each for mode in found for each in mode.detectors}
    assert set(SIGNALS) <= known, "a signal that no failure mode names is judged for nothing"


def test_what_nobody_watches_is_uncovered(desk: Desk) -> None:
    judge = Judge(desk)

    def on(name: str) -> tuple[str, ...]:
        found = {mode.name: mode for mode in judge.room().failure_modes("churn")}
        assert all((mode.state == "covered") is bool(mode.on) for mode in found.values())
        return found[name].on

    assert on("errors") == on("wrong_artifact") == ()
    judge.set(dry_run=True)
    assert on("errors") == ()
    judge.set(name="more")
    judge.report(1)
    assert (on("errors"), on("wrong_artifact")) == (
        ("error_rate",),
        ("built_in.artifact_mismatch",),
    )
    assert on("metric_fall") == ()
    with pytest.raises(ModelNotFound):
        judge.room().failure_modes("nothing")


def test_what_was_drilled_says_when_and_what_nothing_notices_stays_uncovered(desk: Desk) -> None:
    judge = Judge(desk)
    judge.report(1)
    made = ran(desk, "latency:900ms")
    found = {mode.name: mode for mode in judge.room().failure_modes("churn")}
    drilled = {name for name, mode in found.items() if mode.last_drilled is not None}
    assert drilled == {
        name for name, mode in found.items() if (mode.proving_fault or "").startswith("latency")
    }
    assert {found[name].last_drilled for name in drilled} == {made.started_at}
    noticed = {
        name for name, mode in found.items() if any(map(NOTICED.__contains__, mode.detectors))
    }
    assert {name for name, mode in found.items() if mode.state == "covered"} == noticed
