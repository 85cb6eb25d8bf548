"""What others wrote can't move the reader's cursor, and a pipe gets whole lines."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from modelwarden.cli.main import main
from modelwarden.cli.screen import Screen, printable
from modelwarden.values.pages import Listing

NOW = datetime(2026, 11, 20, 11, 19, 40, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    figure: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    name: str
    note: str | None
    done: bool
    at: datetime
    parts: tuple[Part, ...]
    rates: dict[str, str]


WHOLE = Whole(
    name="churn", note=None, done=True, at=NOW,
    parts=(Part(name="a" * 300, figure=None),), rates={"x": "1"},
)  # fmt: skip


def test_control_characters_are_shown_as_such() -> None:
    assert printable("a\x1b[2Jb\x9bc\rd\te\nf\u202eg") == "a�[2Jb�c�d�e\nf�g"


def test_control_characters_are_escaped_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=True).show_fields({"comment": "é\x9b\x1b\u202e\U000e0001"})
    out = capsys.readouterr().out
    assert "é\\u009b\\u001b\\u202e\\udb40\\udc01" in out
    assert json.loads(out) == {"comment": "é\x9b\x1b\u202e\U000e0001"}


def test_one_answer_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=False).show(WHOLE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "churn"]
    assert ["done", "yes"] in [line.split() for line in lines]
    assert ["at", "2026-11-20", "11:19:40"] in [line.split() for line in lines]
    assert "a" * 300 in lines[-1]
    assert "note" not in "".join(lines)


def test_one_answer_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=True).show(WHOLE)
    out = capsys.readouterr().out
    assert '"at": "2026-11-20T11:19:40.000005Z"' in out
    assert '"note": null' in out


def test_a_list_says_when_there_is_nothing_and_when_there_is_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = Screen(as_json=False)
    screen.list((), ("name",))
    screen.list(Listing((Part(name="[red]x[/red]", figure=1),), "abc"), ("name", "figure"))
    assert capsys.readouterr().out.splitlines() == [
        "nothing", "name          figure", "[red]x[/red]  1", "more: --cursor abc",
    ]  # fmt: skip


def test_no_bar_is_drawn_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    with screen.steps("hash") as report:
        report(1, 2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


class Terminal(io.StringIO):
    """A stream before which somebody sits."""

    def isatty(self) -> bool:
        return True


def test_a_person_watches_a_bar_and_it_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen(as_json=False)
    with screen.steps("hash") as report:
        report(1, 2)
        report(2, 2)
    assert "hash" in terminal.getvalue()
    assert screen._bars is None


def test_an_unforeseen_error_is_a_line_and_5(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["modelwarden", "audit", "keys"])
    monkeypatch.setenv("MODELWARDEN_URL", "nonsense")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 5
    assert capsys.readouterr().err.count("\n") == 1
