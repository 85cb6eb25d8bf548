"""Ends and forks of real processes: what was recorded arrives once, and a child never sends its parent's counts."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.guard.slot_report import Report, read
from tests.guard.recorder_child import LATENCIES

if TYPE_CHECKING:
    from modelwarden.guard.slots import Counts

CHILD: Final = Path(__file__).with_name("recorder_child.py")


def told(folder: Path, story: str, *options: str) -> tuple[list[Report], list[str]]:
    """Run a story; return what was told, and the words it printed."""
    flags = (
        "-W",
        "ignore::DeprecationWarning",
    )  # Python warns of forks beside threads; that is the test
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, *flags, str(CHILD), str(folder), story, *options],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [read(path.read_bytes()) for path in folder.glob("*.json")], done.stdout.split()


def totals(reports: list[Report]) -> Counter[str]:
    found: Counter[str] = Counter()
    for report in reports:
        found[report.instance] += sum(part.counts.total for part in report.parts)
    return found


def only_counts(reports: list[Report]) -> Counts:
    (counts,) = [part.counts for report in reports for part in report.parts]
    return counts


def test_an_ending_process_sends_the_rest_and_signs_off(tmp_path: Path) -> None:
    reports, _ = told(tmp_path, "plain")
    assert sum(totals(reports).values()) == 2 * len(LATENCIES)
    assert [report.closing for report in reports].count(True) == 1


def test_with_and_without_numpy_the_counts_are_equal(tmp_path: Path) -> None:
    found = []
    for options in ((), ("with-numpy",)):
        folder = tmp_path / f"{len(options)}"
        folder.mkdir()
        found.append(only_counts(told(folder, "plain", *options)[0]))
    assert found[0] == found[1]
    assert found[0].invalid == 4


def test_forks_beside_recording_threads_count_everything_once(tmp_path: Path) -> None:
    reports, (instance, recorded, dropped, faults) = told(tmp_path, "fork")
    found = totals(reports)
    assert (dropped, faults) == ("0", "0")
    assert found.pop(instance) == int(recorded)
    assert sorted(found.values()) == [1_500] * 8
    numbers = [(report.instance, part.number) for report in reports for part in report.parts]
    assert len(set(numbers)) == len(numbers)
    assert {number for name, number in numbers if name != instance} == {1}


def test_a_child_that_records_nothing_is_no_reporter(tmp_path: Path) -> None:
    reports, _ = told(tmp_path, "quiet_fork")
    assert list(totals(reports).values()) == [1]


@pytest.mark.parametrize("options", [(), ("with-numpy",)], ids=["plain", "numpy"])
def test_children_of_multiprocessing_send_the_rest_at_their_end(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    reports, _ = told(tmp_path, "pool", *options)
    assert sorted(totals(reports).values()) == [0, 10, 10, 10]
