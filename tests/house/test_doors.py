"""Every action has its API, embedded, remote and command-line door, or a line that says why not."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tests.house.doors import DOORS, actions, doors, is_named_after
from tests.house.source import PACKAGE, ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXEMPT = ROOT / "tests" / "doors_exempt.toml"


def missing(package: Path) -> set[tuple[str, str]]:
    """Return each action with each door that does not reach it under its own name."""
    behind = doors(package)
    return {(a, door) for a in actions(package) for door in DOORS if not behind.reach(door, a)}


def excused(package: Path, lines: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
    """Return what the exemptions excuse: a door left out, or a name that does stand there."""
    behind = doors(package)
    return {
        (action, door)
        for action, line in lines.items()
        for door in DOORS
        if door in line.get("doors", ())
        or (
            door in line.get("names", {})
            and behind.reach(door, action, known_as=line["names"][door])
        )
    }


def exemptions() -> dict[str, dict[str, Any]]:
    return tomllib.loads(EXEMPT.read_text(encoding="utf-8"))


def package_of(lines: dict[str, str], folder: Path) -> Path:
    """Write a small package and return its folder."""
    for name, text in lines.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_every_action_has_its_doors() -> None:
    assert sorted(missing(PACKAGE) - excused(PACKAGE, exemptions())) == []


def test_each_exemption_is_well_formed_and_has_a_reason() -> None:
    for action, line in exemptions().items():
        assert set(line) <= {"doors", "names", "reason"}, action
        assert line.get("reason", "").strip(), action
        assert {*line.get("doors", ()), *line.get("names", {})} <= set(DOORS), action


def test_each_exemption_is_still_needed() -> None:
    lines = exemptions()
    stated = {(a, d) for a, x in lines.items() for d in (*x.get("doors", ()), *x.get("names", {}))}
    assert sorted(stated - missing(PACKAGE)) == []


ROOM = (
    "def approve(change: Change, request: str) -> None: ...\n"
    "def add_user(change: 'Change', name: str) -> None: ...\n"
    "def request(view: View, id: str) -> None: ...\n"
    "def _save(change: Change) -> None: ...\n"
)


def test_an_action_without_doors_is_seen(tmp_path: Path) -> None:
    package = package_of({"approvals/actions.py": ROOM}, tmp_path)
    names = ("approvals.add_user", "approvals.approve")
    assert missing(package) == {(name, door) for name in names for door in DOORS}


def test_an_action_with_all_its_doors_passes(tmp_path: Path) -> None:
    route = "from modelwarden.approvals import actions as approvals\n"
    route += "x = approvals.approve, partial(approvals.add_user, name=1)\n"
    bound = "from modelwarden.approvals.actions import add_user, approve\nx = add_user, approve\n"
    client = "class Users:\n    def add(self): ...\nclass Approvals:\n    def approve(self): ...\n"
    package = package_of(
        {
            "approvals/actions.py": ROOM,
            "api/approvals.py": route,
            "warden.py": bound,
            "client/rooms.py": client,
            "cli/users.py": "def add(): ...\n",
            "cli/approvals.py": "def approve(): ...\n",
        },
        tmp_path,
    )
    assert missing(package) == set()


def test_a_room_may_split_its_actions_into_a_folder(tmp_path: Path) -> None:
    route = "from modelwarden.approvals.actions import people\n"
    route += "x = people.add_user, people.approve\n"
    package = package_of({"approvals/actions/people.py": ROOM, "api/a.py": route}, tmp_path)
    assert len(actions(package)) == 2
    assert "api" not in {door for _, door in missing(package)}


def test_the_same_name_of_another_room_is_no_door(tmp_path: Path) -> None:
    other = "from modelwarden.registry import actions\nx = actions.approve\n"
    package = package_of({"approvals/actions.py": ROOM, "api/a.py": other}, tmp_path)
    assert ("approvals.approve", "api") in missing(package)


def test_an_exemption_excuses_a_door_or_gives_a_name_that_stands_there(
    tmp_path: Path,
) -> None:
    cli = "def allow(): ...\n"
    package = package_of({"approvals/actions.py": ROOM, "cli/approvals.py": cli}, tmp_path)
    lines = {"approvals.approve": {"doors": ["api"], "names": {"cli": "approvals.allow"}}}
    assert excused(package, lines) == {("approvals.approve", "api"), ("approvals.approve", "cli")}
    lines = {"approvals.approve": {"names": {"cli": "approvals.permit"}}}
    assert excused(package, lines) == set()


@pytest.mark.parametrize(
    ("function", "action", "expected"),
    [
        ("models.register", "registry.register_model", True),
        ("Policies.publish", "policies.publish_policy", True),
        ("service_accounts.add", "access.add_service_account", True),
        ("anything.register_model", "registry.register_model", True),
        ("versions.register", "registry.register_model", False),
        ("models.approve", "registry.register_model", False),
    ],
)
def test_a_command_is_matched_by_verb_and_noun(
    function: str, action: str, *, expected: bool
) -> None:
    assert is_named_after(function, action) is expected
