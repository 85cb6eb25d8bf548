"""Calls over real HTTP: tokens that end, limits, pages, and answers that are none."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from modelwarden.deployments.servicenow import instance as instances
from modelwarden.deployments.servicenow import rows
from modelwarden.deployments.servicenow.instance import Instance, Template
from modelwarden.errors import ExternalUnreadable
from tests.services.trickling import trickling

if TYPE_CHECKING:
    from modelwarden.deployments.servicenow.instance import Account
    from tests.services.servicenow_stub import ServiceNow

FOUND = (rows.CHANGES, rows.query(correlation_id="req_1"), rows.CHANGE_FIELDS)


def test_a_token_serves_until_it_ends(servicenow: ServiceNow, instance: Instance) -> None:
    instance.found(*FOUND)
    instance.found(*FOUND)
    assert servicenow.tokens_given == 1
    servicenow.tokens.clear()  # revoked there
    instance.found(*FOUND)
    assert servicenow.tokens_given == 2


def test_a_token_is_replaced_before_its_end(servicenow: ServiceNow, instance: Instance) -> None:
    servicenow.token_lasts_s = 20  # less than the time by which tokens are replaced early
    instance.found(*FOUND)
    instance.found(*FOUND)
    assert servicenow.tokens_given == 2


def test_a_wrong_secret_is_said_without_the_secret(
    servicenow: ServiceNow, account: Account
) -> None:
    account.secret_file.write_text("not it", encoding="utf-8")
    with (
        closing(Instance(account)) as wrong,
        pytest.raises(ExternalUnreadable, match="gives no token: status 401") as refused,
    ):
        wrong.found(*FOUND)
    assert "not it" not in str(refused.value)
    assert servicenow.tokens_given == 0


def test_a_lost_secret_is_said(account: Account) -> None:
    lost = replace(account, secret_file=account.secret_file.with_name("gone"))
    with (
        closing(Instance(lost)) as without,
        pytest.raises(ExternalUnreadable, match="secret can't be read"),
    ):
        without.found(*FOUND)


def test_an_instance_that_asks_for_quiet_is_left_alone(
    servicenow: ServiceNow, instance: Instance
) -> None:
    servicenow.quiet_s = 30
    with pytest.raises(ExternalUnreadable, match="asks for a pause"):
        instance.found(*FOUND)
    asked, servicenow.quiet_s = len(servicenow.asked), None
    with pytest.raises(ExternalUnreadable, match="left alone"):
        instance.found(*FOUND)
    assert len(servicenow.asked) == asked


def test_all_pages_are_read(servicenow: ServiceNow, instance: Instance) -> None:
    for _ in range(instances.PAGE + 1):
        servicenow.change("req_1")
    assert len(instance.found(*FOUND).rows) == instances.PAGE + 1


def test_more_rows_than_one_change_can_have_are_refused(
    servicenow: ServiceNow, instance: Instance
) -> None:
    for _ in range(instances.MOST_ROWS):
        servicenow.change("req_1")
    with pytest.raises(ExternalUnreadable, match="or more"):
        instance.found(*FOUND)


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[]", b"{}", b'{"result": 1}', b'{"result": [1]}', b"[" * 100_000]
)
def test_an_answer_that_is_none_is_said(
    servicenow: ServiceNow, instance: Instance, answer: bytes
) -> None:
    servicenow.answers_with = answer
    with pytest.raises(ExternalUnreadable, match="answered with no"):
        instance.found(*FOUND)


def test_an_answer_without_end_is_refused(servicenow: ServiceNow, instance: Instance) -> None:
    servicenow.answers_with = b" " * (instances.MOST_BYTES + 1)
    with pytest.raises(ExternalUnreadable, match="bytes"):
        instance.found(*FOUND)


def test_a_silent_instance_is_given_up(servicenow: ServiceNow, account: Account) -> None:
    servicenow.silent = True
    with (
        closing(Instance(account, patience_s=0.1)) as hurried,
        pytest.raises(ExternalUnreadable, match="ReadTimeout"),
    ):
        hurried.found(*FOUND)


def test_where_nobody_listens_that_is_said(account: Account) -> None:
    nowhere = replace(account, url="http://127.0.0.1:9")
    with (
        closing(Instance(nowhere)) as lost,
        pytest.raises(ExternalUnreadable, match="ConnectError"),
    ):
        lost.found(*FOUND)


@pytest.mark.parametrize("absent_status", [None, 400, 404])
@pytest.mark.parametrize("kind", ["normal", "emergency"])
def test_a_change_is_opened_by_either_api(
    servicenow: ServiceNow, instance: Instance, absent_status: int | None, kind: str
) -> None:
    servicenow.has_change_api = absent_status is None
    servicenow.absent_status = absent_status or 400
    fields = {"correlation_id": "req_1", "short_description": "churn 1.0.0"}
    instance.create(fields, Template(kind=kind))
    (found,) = instance.found(*FOUND).rows
    change = rows.change_of(found)
    assert (change.marker, change.number, change.starts_at) == ("req_1", "CHG0030001", None)
    assert servicenow.only_change()["type"] == kind
    path = f"{instances.CHANGE_API}/{kind}"
    assert [path for _, path, _ in servicenow.written] == [
        path if absent_status is None else "/api/now/table/change_request"
    ]


def test_a_standard_change_is_opened_by_its_template_alone(
    servicenow: ServiceNow, instance: Instance
) -> None:
    template = Template(kind="standard", template="a" * 32)
    with pytest.raises(ExternalUnreadable, match="no such standard template"):
        instance.create({"correlation_id": "req_1"}, template)
    assert servicenow.written == []
    servicenow.templates.add("a" * 32)
    instance.create({"correlation_id": "req_1"}, template)
    assert servicenow.only_change()["type"] == "standard"


@pytest.mark.parametrize("part", ["head", "body", "nothing"])
def test_an_instance_that_sends_a_byte_now_and_then_is_given_up(
    account: Account, part: str
) -> None:
    with (
        trickling(part) as url,
        closing(Instance(replace(account, url=url), deadline_s=0.5)) as slow,
        pytest.raises(ExternalUnreadable, match="too slow"),
    ):
        slow.found(*FOUND)


@pytest.mark.parametrize("value", ["req_1^ORapproval=approved", "", "a b", "a=b", "x" * 101, "é"])
def test_a_value_that_is_a_condition_of_its_own_is_refused(value: str) -> None:
    with pytest.raises(ExternalUnreadable, match="correlation_id"):
        rows.query(correlation_id=value)


def test_a_row_becomes_a_value() -> None:
    row = dict.fromkeys(rows.CHANGE_FIELDS, "") | {
        "sys_id": "1" * 32,
        "start_date": "2026-11-20 12:00:00",
    }
    assert rows.change_of(row).starts_at == datetime(2026, 11, 20, 12, tzinfo=UTC)
    for name, value in (("sys_id", "1"), ("start_date", "20.11.2026"), ("state", None)):
        with pytest.raises(ExternalUnreadable, match=name):
            rows.change_of(row | {name: value})
