"""Reports: figures that are the ledger's, the same bytes again, and nothing in them that runs."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from modelwarden.audit.report import totals
from modelwarden.audit.report.chart import HEIGHT, chart
from modelwarden.audit.report.writing import ReportForm, written
from modelwarden.errors import FilterInvalid, NotFound, NotPermitted, SizeUnknown
from modelwarden.values.report import DayAnswer
from tests.audit import sample
from tests.store.deeds import bodies

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.values.report import ReportAnswer
    from modelwarden.warden.warden import Warden

TODAY = datetime.now(UTC)
SINCE, UNTIL = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
EVIL = "<script>alert(1)</script>|`x`*b*"


@pytest.fixture
def house(warden: Warden) -> Warden:
    sample.populate(warden)
    base = {"event_type": "TRADE", "component": "RiskAgent", "action": "BLOCK"}
    warden.audit.append(
        [
            base | {"ref": "1", "severity": "HIGH", "compliance_tags": ["SOX"]},
            base | {"ref": "2", "severity": "CRITICAL", "component": "Pricer"},
            base | {"ref": "3", "details": {"why": EVIL}},
        ]
    )
    with contextlib.suppress(NotFound):
        warden.acting_as("alice").models.show(EVIL)
    with contextlib.suppress(NotPermitted):
        warden.acting_as("dave").models.register("mine", business_purpose=sample.PURPOSE)
    return warden


def reported(house: Warden, **more: int) -> ReportAnswer:
    return house.acting_as("bob").audit.report(SINCE, UNTIL, **more)


def test_figures_are_those_of_the_entries(house: Warden) -> None:
    found = reported(house)
    told = bodies(house)[: found.as_of]
    assert (found.total, found.first, found.last) == (len(told), 0, len(told) - 1)
    types = {one.name: one.count for one in found.types}
    assert types == {name: sum(b["type"] == name for b in told) for name in types}
    assert sum(one.count for one in found.actors) == len(told)
    severities = {one.name: one.count for one in found.severities}
    assert severities["HIGH"] + severities["CRITICAL"] == found.severe_total == len(found.severe)
    assert sum(one.count for one in found.refusals) == sum(b["outcome"] == "refused" for b in told)
    assert {one.name: one.count for one in found.components} == {"RiskAgent": 2, "Pricer": 1}
    assert ("SOX", 1) in {(one.name, one.count) for one in found.tags}
    (day,) = [one for one in found.days if one.critical] or [found.days[0]]
    assert day.day == TODAY.date().isoformat()
    severe = found.severe[0]
    assert (severe.says, severe.about) == ("TRADE: BLOCK", ("component:Pricer",))
    assert found.verified


@pytest.mark.parametrize("form", ["json", "html", "md"])
def test_the_same_period_and_size_give_the_same_bytes(
    house: Warden, tmp_path: Path, form: str
) -> None:
    bob = house.acting_as("bob").audit
    first = bob.report(SINCE, UNTIL, tmp_path / f"a.{form}")
    house.audit.append([{"ref": "9", "event_type": "X", "component": "Y", "action": "z"}])
    sample.sign(house)
    again = bob.report(SINCE, UNTIL, tmp_path / f"b.{form}", as_of=first.as_of)
    assert again == first
    assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()
    assert bob.report(SINCE, UNTIL).total > first.total


class Tags(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_names_that_callers_made_up_are_shown_and_never_run(house: Warden) -> None:
    found = reported(house)
    evil = found.severe[0].__class__(
        seq=1, at=EVIL, type=EVIL, says=EVIL, severity=EVIL, outcome=EVIL, actor=EVIL,
        about=(EVIL, 'x" onload="alert(1)'), entry_hash="",
    )  # fmt: skip
    count = found.types[0].__class__(name=f"{EVIL}\n# x", count=1)
    bad = totals.FoundAnswer(code=EVIL, seq=None, detail=EVIL)
    whole = {name: getattr(found, name) for name in found.__dataclass_fields__}
    posed = type(found)(
        **whole
        | {
            "severe": (evil,),
            "types": (count,),
            "origin": EVIL,
            "problems": (bad,),
            "tags": (count,),
        }
    )
    page = written(posed, ReportForm.HTML).decode()
    read = Tags()
    read.feed(page)
    assert "script" not in read.tags
    assert not {name for name in read.attributes if name.startswith("on")}
    assert "&lt;script&gt;" in page
    ticket = written(posed, ReportForm.MD).decode()
    assert "<script" not in ticket
    rows = [line for line in ticket.splitlines() if "alert" in line]
    assert all(line.startswith("|") for line in rows)
    assert not [line for line in ticket.splitlines() if line.startswith("# x")]
    assert json.loads(written(posed, ReportForm.JSON))["origin"] == EVIL


def test_an_altered_entry_is_said_first(house: Warden, tmp_path: Path) -> None:
    assert reported(house).verified
    with house.store.database.writing() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER ledger_entries_no_update"))
        else:
            connection.execute(text("DROP TRIGGER ledger_entries_fixed ON ledger_entries"))
        connection.execute(
            text("UPDATE ledger_entries SET body = :body WHERE seq = 3"), {"body": b"{}"}
        )
    place = tmp_path / "r.html"
    found = house.acting_as("bob").audit.report(SINCE, UNTIL, place)
    assert [(one.code, one.seq) for one in found.problems] == [("entry_altered", 3)]
    assert "Does not verify: 1 problem" in place.read_text()


def test_long_lists_say_that_they_are_cut(house: Warden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST_SEVERE", 1)
    found = reported(house)
    assert (found.severe_shown, found.is_cut, found.severe_total > 1) == (1, True, True)


def test_an_empty_period_is_said_so(house: Warden, tmp_path: Path) -> None:
    place = tmp_path / "r.html"
    found = house.acting_as("bob").audit.report("2020-01-01", "2020-01-31", place)
    assert (found.total, found.first, found.verified) == (0, None, True)
    assert "No entry lies in this period." in place.read_text()


def test_who_may_not_read_the_ledger_gets_no_report(house: Warden) -> None:
    with pytest.raises(NotPermitted):
        house.acting_as("alice").audit.report(SINCE, UNTIL)


def test_a_period_has_to_make_sense(house: Warden) -> None:
    bob = house.acting_as("bob").audit
    for since, until in (
        ("2026-02-01", "2026-01-01"),
        ("x", "2026-01-01"),
        ("1990-01-01", "2026-01-01"),
    ):
        with pytest.raises(FilterInvalid):
            bob.report(since, until)
    with pytest.raises(FilterInvalid):
        bob.report(SINCE, UNTIL, "x", format="pdf")
    for size in (0, 10**9):
        with pytest.raises(SizeUnknown):
            bob.report(SINCE, UNTIL, as_of=size)


COUNTS = st.integers(min_value=0, max_value=10**7)


@given(
    st.dictionaries(
        st.dates(min_value=datetime(2026, 1, 1).date(), max_value=datetime(2026, 12, 31).date()),  # noqa: DTZ001
        st.tuples(COUNTS, COUNTS, COUNTS, COUNTS),
        max_size=40,
    ),
    st.integers(min_value=0, max_value=364),
)
def test_a_chart_draws_every_count_inside_its_frame(
    given_days: dict[datetime, tuple[int, int, int, int]], length: int
) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    days = [
        DayAnswer(day=day.isoformat(), info=c[0], warning=c[1], high=c[2], critical=c[3])
        for day, c in sorted(given_days.items())
    ]
    drawn = chart(days, since, since + timedelta(days=length))
    for part in drawn.parts:
        assert 0 <= part.x <= drawn.width
        assert -8 <= part.y <= HEIGHT  # parts of two pixels may stand on a full bar
        assert part.height >= 2
