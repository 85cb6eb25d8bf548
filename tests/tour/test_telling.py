"""What a step tells: an expectation that does not hold ends it, and a refusal has to be the right one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, ClassVar

import pytest
from rich.console import Console

from modelwarden.errors import NotPermitted, SelfApproval, TourFailed
from modelwarden.tour import story
from modelwarden.tour.screen import TourScreen
from modelwarden.tour.story import Chapter, Nobody, Outcome
from modelwarden.tour.telling import Refused, Step, Telling

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.tour.scene import Scene


def allowed() -> None:
    """Pass."""


def barred() -> None:
    error = SelfApproval("you own it", reasons=("owner",))
    error.entry = 41
    raise error


def test_a_refusal_is_shown_with_its_rule_and_entry() -> None:
    telling = Telling()
    telling.refused(barred, who="mira", tried="approves", rule="self_approval", instead="ben")
    assert telling.blocks == [Refused("mira", "approves", "self_approval", "ben", 41)]
    assert telling.evidence["refused"][0]["entry"] == 41


def test_a_refusal_may_be_named_by_one_of_its_reasons() -> None:
    telling = Telling()
    telling.refused(barred, who="mira", tried="approves", rule="owner", instead="ben")
    assert telling.evidence["refused"][0]["code"] == "self_approval"


def test_what_is_allowed_although_it_must_not_be_fails_the_tour() -> None:
    with pytest.raises(TourFailed, match="mira approves, and was not refused"):
        Telling().refused(allowed, who="mira", tried="approves", rule="self_approval", instead="")


def test_a_refusal_by_another_rule_fails_the_tour() -> None:
    with pytest.raises(TourFailed, match=r"self_approval .* not not_permitted"):
        Telling().refused(barred, who="mira", tried="approves", rule="not_permitted", instead="")


def test_the_first_step_that_fails_is_the_last(tmp_path: Path) -> None:
    def fail(_scene: Scene, telling: Telling) -> None:
        telling.prove(seen=1)
        raise NotPermitted("not you")

    chapters = [Chapter("one", "One", fail), Chapter("two", "Two", fail)]
    outcome = story.run(tmp_path, Nobody(), chapters=chapters)
    assert not outcome.ok
    assert [step.name for step in outcome.steps] == ["one"]
    assert outcome.steps[0].evidence == {"seen": 1, "failure": "NotPermitted: not you"}


def test_an_unforeseen_error_is_not_hidden(tmp_path: Path) -> None:
    def stumble(_scene: Scene, _telling: Telling) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        story.run(tmp_path, Nobody(), chapters=[Chapter("one", "One", stumble)])


def test_the_screen_shows_words_as_they_are_and_no_colour_in_a_file(tmp_path: Path) -> None:
    telling = Telling()
    telling.say("what [bold]others[/bold] wrote is no markup")
    telling.sheet(("who", "role"), [("mira", "[red]developer")])
    telling.typed("modelwarden tour")
    telling.prove("it holds", seen=1)
    telling.refused(barred, who="mira", tried="approves", rule="self_approval", instead="ben")
    step = Step(name="one", ok=True, entries=(3, 4), evidence={}, seconds=0.1)
    text = _drawn(step, telling, tmp_path)
    for words in (
        "[bold]others[/bold]",
        "[red]developer",
        "$ modelwarden tour",
        "✓ it holds",
        "✗ mira approves",
        "refused: self_approval  entry 41",
        "instead: ben",
        "entries 3 to 4",
    ):
        assert words in text
    assert "\x1b" not in text


def test_a_failure_is_told_in_words(tmp_path: Path) -> None:
    step = Step(name="one", ok=False, entries=(), evidence={"failure": "X: no"}, seconds=0.1)
    text = _drawn(step, Telling(), tmp_path)
    assert "did not turn out as it has to. X: no" in text
    assert "ended early, in step 1" in text


def test_what_a_step_waits_for_is_told_at_once_and_kept_nowhere(tmp_path: Path) -> None:
    class Listener(Nobody):
        heard: ClassVar[list[tuple[str, int, str]]] = []

        def wait(self, chapter: Chapter, number: int, what: str) -> None:
            self.heard.append((chapter.name, number, what))

    def patient(_scene: Scene, telling: Telling) -> None:
        telling.wait("the minute ends in 9 s")
        telling.expect(not telling.blocks and not telling.evidence, "it was kept")

    outcome = story.run(tmp_path, Listener(), chapters=[Chapter("one", "One", patient)])
    assert outcome.ok
    assert Listener.heard == [("one", 1, "the minute ends in 9 s")]


def test_where_nobody_watches_waiting_draws_nothing() -> None:
    out = io.StringIO()
    screen = TourScreen(Console(file=out, width=100, highlight=False))
    chapter = Chapter("one", "One", lambda *_: None)
    screen.begin(chapter, 1)
    screen.wait(chapter, 1, "the minute ends in 9 s")
    assert out.getvalue() == ""


def _drawn(step: Step, telling: Telling, folder: Path) -> str:
    out = io.StringIO()
    screen = TourScreen(Console(file=out, width=100, highlight=False))
    chapter = Chapter("one", "One", lambda *_: None)
    screen.open(folder)
    screen.begin(chapter, 1)
    screen.end(chapter, 1, step, telling)
    if not step.ok:
        screen.close(Outcome(steps=(step,), seconds=1.0), folder)
    return out.getvalue()
