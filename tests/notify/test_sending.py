"""Endpoints are served while they are there, by one process at a time; a dead one delays no other."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelwarden.warden.warden import open_warden
from tests.notify.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.notify.receiver import Receiver

ALLOWED = ("127.0.0.0/8",)


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Warden]:
    with open_warden(url, keys_folder=folder / "keys", endpoint_allow=ALLOWED) as warden:
        if not warden.audit.search(type="user.added").items:
            warden.add_user("root", roles=["admin"])
        yield warden


def add(warden: Warden, name: str, url: str) -> None:
    warden.acting_as("root").notify.add(name, url, types=["user.added"])


def seqs(warden: Warden) -> list[str]:
    """Return the numbers of the users added after root, oldest first."""
    found = warden.audit.search(type="user.added", limit=500).items
    return sorted((str(each.seq) for each in found), key=int)[1:]


def test_endpoints_come_and_go_while_the_program_runs(
    store_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    with opened(store_url, tmp_path) as warden:
        add(warden, "ops", receiver.url)
        for n in range(20):
            warden.add_user(f"u{n}")
        assert receiver.wait(lambda: len(receiver.news) == 20)
        warden.acting_as("root").notify.disable("ops")
        warden.add_user("unseen")
        assert receiver.wait(lambda: not warden.sending._served)
        warden.acting_as("root").notify.enable("ops")
        assert receiver.wait(lambda: len(receiver.news) == 21)
        warden.acting_as("root").notify.replay("ops", first=0)
        assert receiver.wait(lambda: len(receiver.news) == 43)
        assert receiver.ids[:21] == seqs(warden)
        assert receiver.ids[22:] == seqs(warden)


def test_dead_and_hanging_endpoints_delay_no_other(tmp_path: Path, receiver: Receiver) -> None:
    with opened(f"sqlite:///{tmp_path}/warden.db", tmp_path) as warden, receiving() as hanging:
        hanging.always = "hang"
        add(warden, "dead", "http://127.0.0.1:1/")
        add(warden, "hanging", hanging.url)
        add(warden, "ops", receiver.url)
        for n in range(30):
            warden.add_user(f"u{n}")
        assert receiver.wait(lambda: len(receiver.news) == 30)
        assert receiver.ids == seqs(warden)
        assert receiver.wait(lambda: bool(hanging.requests))
        began = time.monotonic()
    assert (
        time.monotonic() - began < 10
    )  # the hanging call was cut; its deadline is fifteen seconds
    assert hanging.ids == seqs_first(receiver)


def seqs_first(receiver: Receiver) -> list[str]:
    return receiver.ids[:1]


def test_of_two_processes_one_sends_and_the_other_takes_over(
    store_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    with opened(store_url, tmp_path) as first:
        add(first, "ops", receiver.url)
        assert receiver.wait(lambda: bool(first.sending._served))
        with opened(store_url, tmp_path) as second:
            for n in range(10):
                first.add_user(f"a{n}")
                second.add_user(f"b{n}")
            assert receiver.wait(lambda: len(receiver.news) == 20)
            assert not second.sending._served
            first.sending.close()
            second.add_user("late")
            assert receiver.wait(lambda: len(receiver.news) == 21)
            assert receiver.ids == seqs(second)


def test_a_restart_loses_nothing_and_repeats_at_most_what_was_on_its_way(
    tmp_path: Path, receiver: Receiver
) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    with opened(url, tmp_path) as warden:
        add(warden, "ops", receiver.url)
        for n in range(15):
            warden.add_user(f"a{n}")
        assert receiver.wait(lambda: len(receiver.news) > 3)
    with opened(url, tmp_path) as warden:
        for n in range(15):
            warden.add_user(f"b{n}")
        assert receiver.wait(lambda: len(set(receiver.ids)) >= 30)
        assert list(dict.fromkeys(receiver.ids)) == seqs(warden)
        assert (
            len(receiver.ids) - len(set(receiver.ids)) <= 1
        )  # under one id, as the receiver knows


def test_health_and_figures_say_how_endpoints_are(tmp_path: Path, receiver: Receiver) -> None:
    with opened(f"sqlite:///{tmp_path}/warden.db", tmp_path) as warden:
        names = [part.name for part in warden.operation.health().components]
        assert "endpoints" not in names
        add(warden, "ops", receiver.url)
        add(warden, "gone", receiver.url)
        warden.acting_as("root").notify.disable("gone")
        health = warden.operation.health().components[-1]
        assert (health.name, health.status, health.detail) == (
            "endpoints",
            "ok",
            "1 active, 1 disabled",
        )
