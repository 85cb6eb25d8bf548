"""`modelwarden notify`: tables for people, JSON for programs, the secret once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.notify.receiver import receiving

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

ALLOW = {"MODELWARDEN_ENDPOINT_ALLOW": "127.0.0.0/8 ::1/128"}


def test_an_endpoint_is_managed_from_the_command_line(desk: Desk) -> None:
    with receiving() as receiver:
        words = ("notify", "add", "ops", receiver.url, "--type", "role.*", "--as", "root")
        made = desk.run(*words, env=ALLOW)
        assert made.code == 0, made
        assert "whsec_" in made.out
        assert "shown this once" in made.err
        assert "secret-in-the-path" not in made.out
        tested = desk.run("notify", "test", "ops", "--as", "root", env=ALLOW)
        assert (tested.code, receiver.requests[0].told["type"]) == (0, "ping")
        receiver.always = 503
        failed = desk.run("notify", "test", "ops", "--as", "root", "--json", env=ALLOW)
        assert (failed.code, failed.json["status"], failed.json["ok"]) == (1, 503, False)
    listed = desk.run("notify", "list", "--as", "root")
    assert "ops" in listed.out
    assert "whsec_" not in listed.out
    assert desk.done("root", "notify", "update", "ops", "--severity", "HIGH")["severity"] == "HIGH"
    assert desk.done("root", "notify", "show", "ops")["types"] == ["role.*"]
    turned = desk.done("root", "notify", "rotate-secret", "ops", "--overlap-minutes", "0")
    assert turned["secret"].startswith("whsec_")
    assert desk.done("root", "notify", "replay", "ops", "--from", "1")["revision"] == 4
    assert desk.done("root", "notify", "disable", "ops")["state"] == "disabled"
    assert desk.done("root", "notify", "enable", "ops")["state"] == "active"
    assert desk.done("root", "notify", "deliveries", "ops", "--abandoned")["items"] == []
    assert desk.done("root", "notify", "disable", "ops")["state"] == "disabled"


def test_refusals_end_in_their_codes(desk: Desk) -> None:
    inside = desk.refused("root", "notify", "add", "inside", "https://10.0.0.1/")
    assert inside.error["code"] == "endpoint_address_refused"
    assert desk.refused("alice", "notify", "list").error["code"] == "not_permitted"
    assert desk.refused("root", "notify", "show", "absent").error["code"] == "not_found"
