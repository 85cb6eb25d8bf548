"""Alerts and dashboard against what is really scraped, and by Prometheus' own tool: they name and do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.console.busy import busy_place
from tests.guard.hosts import from_file
from tests.guard.test_metrics import BLOCK_EU, ROUTE, used
from tests.house.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DEPLOY: Final = ROOT / "deploy"
RULES: Final = DEPLOY / "prometheus-rules.yaml"
DASHBOARD: Final = DEPLOY / "grafana" / "dashboards" / "modelwarden.json"
NAME: Final = re.compile(r"\bmodelwarden_[a-z_]+")
ADDED: Final = frozenset({"instance", "job"})
"""Labels that Prometheus itself gives what it scrapes."""
SELECTED: Final = re.compile(r"(modelwarden_[a-z_]+)\{([^}]*)\}")
GROUPED: Final = re.compile(r"by \(([^)]*)\)")
RARE: Final = frozenset({"modelwarden_breaker_fleets"})
"""Nothing is wrong with the fleets of the company that is scraped."""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what a server and a guard tell, with something of each in it."""
    folder: Path = tmp_path_factory.mktemp("scraped")
    with busy_place(folder, sinks=(f"worm://{folder}/worm",)) as (_, place):
        assert place.reader("dave").stop("fraud").status_code == 200
        told = httpx.get(f"{place.address}/metrics").raise_for_status().text
    with from_file(folder, body={"switches": [BLOCK_EU], "route": ROUTE}) as guard:
        places = used(guard)
        told += guard.metrics()
        assert places
    return told


@pytest.fixture(scope="module")
def labels(scraped: str) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(scraped):
        for one in family.samples:
            found[one.name] |= set(one.labels)
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def queries() -> Iterator[str]:
    """Yield each query of the dashboard, with the variables as Grafana fills them in."""
    for panel in panels():
        for target in panel.get("targets", ()):
            query = str(target["expr"]).replace("$__rate_interval", "1m")
            yield query.replace("$environment", ".*").replace("$model", ".*")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alerts_and_dashboard_name_only_metrics_that_are_told(
    scraped: str, labels: Mapping[str, set[str]]
) -> None:
    text = RULES.read_text("utf-8") + DASHBOARD.read_text("utf-8")
    named = set(NAME.findall(text))
    assert named - set(re.findall(r"^# TYPE (\S+)", scraped, re.MULTILINE)) == set()
    assert named - set(labels) == RARE


def test_alerts_and_dashboard_ask_for_labels_that_are_told(
    labels: Mapping[str, set[str]],
) -> None:
    for query in (*queries(), *(str(rule["expr"]) for rule in alerts())):
        for name, selectors in SELECTED.findall(query):
            wanted = set(re.findall(r"(\w+)(?:=|!=|=~|!~)\"", selectors))
            assert name in RARE or wanted <= labels[name] | ADDED, query
        known = set().union(*(labels[name] for name in NAME.findall(query))) | ADDED
        for group in GROUPED.findall(query):
            assert set(re.split(r",\s*", group)) <= known or set(NAME.findall(query)) <= RARE, query
    for variable in json.loads(DASHBOARD.read_text("utf-8"))["templating"]["list"]:
        asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable.get("definition", ""))
        assert variable["type"] == "datasource" or (asked and asked[2] in labels[asked[1]])


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    found = json.loads(DASHBOARD.read_text("utf-8"))
    assert (found["uid"], found["timezone"]) == ("modelwarden", "utc")
    names = {variable["name"] for variable in found["templating"]["list"]}
    assert set(re.findall(r"\$\{?([a-z]+)", json.dumps(found["panels"]))) <= names
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"], panel["title"]
            assert all(one["legendFormat"] for one in panel["targets"])


def test_grafana_and_prometheus_are_given_what_stands_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    mounted: dict[str, str] = {}
    for name in ("prometheus", "grafana"):
        service = compose["services"][name]
        assert service["profiles"] == ["monitoring"]
        assert set(service["secrets"]) <= set(compose["secrets"])
        mounted |= {inside: source for source, inside, *_ in (v.split(":") for v in service["volumes"])}  # fmt: skip
    for source in mounted.values():
        is_there = (DEPLOY / source).exists() if source[0] == "." else source in compose["volumes"]
        assert is_there, source
    scrape = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text("utf-8"))
    assert [mounted[path] for path in scrape["rule_files"]] == [f"./{RULES.name}"]
    provisioning = DEPLOY / mounted["/etc/grafana/provisioning"]
    provider = yaml.safe_load((provisioning / "dashboards/modelwarden.yaml").read_text("utf-8"))
    folder = provider["providers"][0]["options"]["path"]
    assert (DEPLOY / mounted[folder] / DASHBOARD.name).samefile(DASHBOARD)


def promtool(*arguments: str, told: str | None = None) -> str:
    """Run Prometheus' own tool; without it a test skips, but fails where CI has to have installed it."""
    path = shutil.which("promtool")
    if path is None:
        reason = "no promtool here: apt-get install prometheus"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(  # noqa: S603 - a tool that was looked up
        [path, *arguments], input=told, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_accepts_alerts_settings_and_what_is_scraped(scraped: str) -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", str(RULES))
    assert "SUCCESS" in promtool(
        "check", "config", "--syntax-only", str(DEPLOY / "prometheus.yaml")
    )
    assert promtool("check", "metrics", told=scraped) == ""


def test_promtool_accepts_each_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


class Case(NamedTuple):
    """What an alert is shown, minute by minute, and when it is quiet yet and fires."""

    series: Mapping[str, str]
    quiet: str
    fires: str
    labels: Mapping[str, str] = MappingProxyType({})


PLACE: Final = MappingProxyType({"environment": "production"})
MODEL: Final = MappingProxyType({"environment": "production", "model": "churn"})
WORKER: Final = MODEL | {"instance": "a:9100"}
OF_MODEL: Final = 'environment="production",model="churn"'
OF_WORKER: Final = f'{OF_MODEL},instance="a:9100"'


def breakers(broken: int, workers: int) -> dict[str, str]:
    """Return workers of which so many have an open breaker."""
    found = {}
    for number in range(workers):
        of = f'{OF_MODEL},instance="{number}:9100"'
        found[f'modelwarden_guard_state{{{of},state="fresh"}}'] = "1x30"
        opened = "0 1x30" if number < broken else "0x30"
        found[f'modelwarden_guard_breakers{{{of},state="open",endpoint="",version=""}}'] = opened
    return found


CASES: Final[Mapping[str, Case]] = MappingProxyType(
    {
        "WritesRefused": Case({"modelwarden_writer_blocked": "0 1x20"}, "1m", "3m"),
        "UnsignedEntries": Case(
            {"modelwarden_ledger_entries": "9x60", "modelwarden_ledger_signed_entries": "5x60"}, "5m", "25m"
        ),
        "VerificationFailed": Case(
            {"modelwarden_ledger_verification_failed": "0 0 1x9"}, "1m", "3m"
        ),
        "SinkBehind": Case(
            {'modelwarden_sink_lag_seconds{sink="worm"}': "0 700x20"}, "4m", "8m", {"sink": "worm"}
        ),
        "WriterBusy": Case({"modelwarden_writer_waiting": "0 2000x20"}, "4m", "8m"),
        "FollowerBehind": Case({"modelwarden_follower_lag_entries": "0 20000x30"}, "10m", "18m"),
        "ServerErrors": Case(
            {'modelwarden_http_responses_total{status="5xx"}': "0+60x40"}, "5m", "20m", {"status": "5xx"}
        ),
        "Gone": Case({"modelwarden_ledger_entries": "9 stale"}, "4m", "8m"),
        "SwitchUnconfirmed": Case(
            {'modelwarden_switches_unconfirmed{environment="production"}': "0 1x20"}, "1m", "3m", PLACE
        ),
        "SwitchProposed": Case(
            {'modelwarden_proposals_open{environment="production"}': "0 0 1x20"}, "1m", "3m", PLACE
        ),
        "BreakerFleet": Case(
            {'modelwarden_breaker_fleets{environment="production"}': "0 0 1x20"}, "1m", "3m", PLACE
        ),
        "GuardsLost": Case(
            {'modelwarden_guards{environment="production",standing="lost",state="fresh"}': "0 3x20"}, "4m", "8m", PLACE
        ),
        "GuardsStaleOnTheServer": Case(
            {'modelwarden_guards{environment="production",standing="live",state="stale"}': "0 3x20"}, "4m", "8m", PLACE
        ),
        "GuardStale": Case(
            {f'modelwarden_guard_state{{{OF_WORKER},state="stale"}}': "0 1x20"}, "4m", "8m", WORKER | {"state": "stale"}
        ),
        "GuardSnapshotOld": Case(
            {f"modelwarden_guard_snapshot_age_seconds{{{OF_WORKER}}}": "0 400x20"}, "4m", "8m", WORKER
        ),
        "GuardFallbackShare": Case(
            {
                f'modelwarden_guard_fallbacks_total{{{OF_WORKER},step="default"}}': "0+12x60",
                f'modelwarden_guard_decisions_total{{{OF_WORKER},status="ok"}}': "0+90x60",
            }, "9m", "25m", MODEL,
        ),
        "GuardBreakersOpen": Case(breakers(3, 9), "1m", "3m", MODEL),
        "GuardFaults": Case(
            {f"modelwarden_guard_internal_errors_total{{{OF_WORKER}}}": "0 0 1x20"}, "1m", "3m", WORKER
        ),
        "GuardRefusesSnapshots": Case(
            {f"modelwarden_guard_snapshots_rejected_total{{{OF_WORKER}}}": "0+1x40"}, "9m", "15m", WORKER
        ),
    }
)  # fmt: skip
"""By alert. Where nothing is said of a cause, nothing fires at all: that is `quiet`."""


def expected(alert: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the alert as it has to be told."""
    rule = next(rule for rule in alerts() if rule["alert"] == alert)
    words = {
        name: re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)
        for name, text in rule["annotations"].items()
    }
    return [{"exp_labels": rule["labels"] | dict(labels), "exp_annotations": words}]


def unit(alert: str, case: Case) -> dict[str, Any]:
    """Return a case as promtool reads it."""
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    at = {case.quiet: [], case.fires: expected(alert, case.labels)} if case.fires else {case.quiet: []}  # fmt: skip
    return {
        "interval": "1m",
        "input_series": series,
        "alert_rule_test": [
            {"eval_time": time, "alertname": alert, "exp_alerts": told} for time, told in at.items()
        ],
    }


def test_each_alert_fires_on_its_cause_and_not_before(tmp_path: Path) -> None:
    assert {f"Modelwarden{name}" for name in CASES} == {rule["alert"] for rule in alerts()}
    tests = [unit(f"Modelwarden{name}", case) for name, case in CASES.items()]
    few, small = Case(breakers(2, 4), "20m", ""), Case(breakers(3, 12), "20m", "")
    tests += [unit("ModelwardenGuardBreakersOpen", case) for case in (few, small)]
    file = tmp_path / "alerts.yaml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": tests}), "utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(file))
