"""Whoever has database and key keeps two ledgers of one name: each verifies by itself, people outside see both."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from modelwarden.api.app import create_app
from modelwarden.errors import Unreachable
from modelwarden.ledger.keys import parse_vkey
from modelwarden.sinks.watch import Watch
from modelwarden.sinks.watch_source import open_source
from modelwarden.values.clock import SystemClock
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.sinks.laptop import laptop, listening
from tests.sinks.test_witnessing import asking, facts
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from pathlib import Path


def two_ledgers(folder: Path) -> tuple[str, str]:
    """Make a ledger and its copy, with other entries in each; return their URLs."""
    one, two = folder / "one", folder / "two"
    one.mkdir()
    with open_warden(f"sqlite:///{one}/warden.db") as warden:
        submitted(warden, define("shared"))
    shutil.copytree(one, two)
    for place in (one, two):
        with open_warden(f"sqlite:///{place}/warden.db") as warden:
            submitted(warden, define(f"only-in-{place.name}"))
            assert warden.audit.verify().ok
    return f"sqlite:///{one}/warden.db", f"sqlite:///{two}/warden.db"


def test_a_witness_cosigns_one_of_them_and_the_other_says_so_itself(tmp_path: Path) -> None:
    one, two = two_ledgers(tmp_path)
    with open_warden(one) as warden:
        key = parse_vkey(warden.audit.keys()[0])
    with laptop(tmp_path / "laptop", key) as witness, listening(witness) as url:
        mine = witness.signer.verifier
        with open_warden(one) as warden, asking(warden, url, mine) as it:
            warden.sign()
            it.ask()
        with open_warden(two) as warden:
            for number in range(3):  # it has grown past the first
                submitted(warden, define(f"later{number}"))
            warden.sign()
            with asking(warden, url, mine) as it, pytest.raises(Unreachable, match="split_view"):
                it.ask()
            assert facts(warden, "witness.disagreed")[0]["proven"] is True
            assert [problem.code for problem in warden.audit.verify().problems] == ["split_view"]
    assert len(witness.said) == 1


def test_a_monitor_that_saw_one_finds_the_other(tmp_path: Path) -> None:
    one, two = two_ledgers(tmp_path)
    for url, found in ((one, "ok"), (two, "fork")):
        with open_warden(url) as warden:
            warden.add_user("erin", roles=["auditor"])
            secret = warden.acting_as("erin").tokens.create(scopes=["audit.read"]).secret
            for number in range(0 if found == "ok" else 5):
                submitted(warden, define(f"later{number}"))
            key = parse_vkey(warden.audit.keys()[0])
            with served(create_app(warden)) as place:
                source = open_source(place, token=secret)
                watch = Watch(source, [key], tmp_path / "state", clock=SystemClock())
                assert watch.look().found == found
