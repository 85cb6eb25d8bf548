"""The order of the steps, and running them one after the other until the end or the first that fails."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from modelwarden.errors import WardenError
from modelwarden.tour import (
    model_steps,
    people_steps,
    proof_steps,
    release_steps,
    serving_steps,
    stop_steps,
)
from modelwarden.tour.scene import Scene
from modelwarden.tour.telling import Step, Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Chapter(NamedTuple):
    """One step of the story: its name for programs, its title for people."""

    name: str
    title: str
    tell: Callable[[Scene, Telling], None]


CHAPTERS: Final = (
    Chapter("data", "The data", model_steps.read_data),
    Chapter("models", "Two models", model_steps.train_models),
    Chapter("set-up", "A fresh warden", people_steps.set_up),
    Chapter("people", "People and keys", people_steps.add_people),
    Chapter("register", "The first version", release_steps.register),
    Chapter("refusals", "Who may not agree", release_steps.refuse),
    Chapter("approval", "Two people agree", release_steps.approve),
    Chapter("deployment", "Staging, then production", serving_steps.deploy),
    Chapter("scoring", "Real answers", serving_steps.score),
    Chapter("second-version", "A second version, and a swapped byte", serving_steps.second_version),
    Chapter("rollback", "The way back", serving_steps.roll_back),
    Chapter("stop", "One region drifts", stop_steps.stop),
    Chapter("altered-ledger", "One byte of the ledger", proof_steps.alter),
    Chapter("export", "Proof without a server", proof_steps.export),
)


class Watcher(Protocol):
    """Who is told as the tour goes: a screen for people, nobody for programs."""

    def begin(self, chapter: Chapter, number: int) -> None:
        """A step begins."""
        ...

    def wait(self, chapter: Chapter, number: int, what: str) -> None:
        """A step waits for something."""
        ...

    def end(self, chapter: Chapter, number: int, step: Step, telling: Telling) -> None:
        """A step ended, well or not."""
        ...


class Nobody:
    """Watches nothing: for programs, which read the outcome."""

    def begin(self, chapter: Chapter, number: int) -> None:
        """Do nothing."""

    def wait(self, chapter: Chapter, number: int, what: str) -> None:
        """Do nothing."""

    def end(self, chapter: Chapter, number: int, step: Step, telling: Telling) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the tour went. `size` and `root` are the ledger's at the end."""

    steps: tuple[Step, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Tell whether everything turned out as it has to."""
        return all(step.ok for step in self.steps)

    def plain(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        steps = [step.plain() for step in self.steps]
        return {"ok": self.ok, "seconds": self.seconds, "steps": steps}


def run(folder: Path, watcher: Watcher, *, chapters: Sequence[Chapter] = CHAPTERS) -> Outcome:
    """Tell the story in an empty folder. A step that fails is the last one; nothing is left running."""
    started = time.monotonic()
    steps: list[Step] = []
    with Scene(folder) as scene:
        for number, chapter in enumerate(chapters, 1):
            watcher.begin(chapter, number)
            telling = Telling(partial(watcher.wait, chapter, number))
            step = _told(scene, chapter, telling)
            steps.append(step)
            watcher.end(chapter, number, step, telling)
            if not step.ok:
                break
    return Outcome(steps=tuple(steps), seconds=_since(started))


def _told(scene: Scene, chapter: Chapter, telling: Telling) -> Step:
    started, before = time.monotonic(), scene.size()
    ok = False
    try:
        chapter.tell(scene, telling)
        ok = True
    except (WardenError, OSError) as error:
        telling.evidence["failure"] = f"{type(error).__name__}: {error}"
    return Step(
        name=chapter.name,
        ok=ok,
        entries=tuple(range(before, scene.size())),
        evidence=telling.evidence,
        seconds=_since(started),
    )


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
