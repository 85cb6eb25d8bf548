"""Tokens: shown once, mandatory end, narrower never wider, revoked at once everywhere (AC-12, AC-50, AC-51)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from modelwarden.access.credentials import PATTERN, is_well_formed, new_token
from modelwarden.errors import (
    ExpiryNeeded,
    NotFound,
    NotPermitted,
    Unauthenticated,
    ValueInvalid,
)
from modelwarden.store.schema.access import tokens
from modelwarden.values.principal import ActorKind
from modelwarden.warden.warden import open_warden
from tests.store.deeds import files_with

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.rooms import Rooms
    from tests.access.company import Company


def _secret(rooms: Rooms, **given: object) -> str:
    secret = rooms.tokens.create(**given).secret  # type: ignore[arg-type]
    assert secret is not None
    return secret


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [(ActorKind.USER, "mwp_"), (ActorKind.SERVICE, "mws_"), (ActorKind.THIRD_PARTY, "mwx_")],
)
def test_a_token_has_the_published_form_and_checksum(kind: ActorKind, prefix: str) -> None:
    secret = new_token(kind)
    assert secret.startswith(prefix)
    assert PATTERN.fullmatch(secret)
    assert is_well_formed(secret)


def test_a_mistyped_token_is_seen_by_its_checksum() -> None:
    secret = new_token(ActorKind.USER)
    for place in range(4, len(secret)):
        other = "a" if secret[place] != "a" else "b"
        assert not is_well_formed(secret[:place] + other + secret[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "mwp_", "mwq_" + "a" * 38, "mwp_" + "a" * 38, "é" * 42, "a\0"]
)
def test_what_is_no_token_is_unauthenticated(company: Company, text: str) -> None:
    with pytest.raises(Unauthenticated):
        company.using(text)


def test_an_invented_token_with_a_good_checksum_is_unauthenticated(company: Company) -> None:
    with pytest.raises(Unauthenticated):
        company.using(new_token(ActorKind.USER))


def test_a_token_acts_for_its_owner_and_entries_name_it(company: Company) -> None:
    alice = company.join("alice", "developer")
    answer = alice.tokens.create()
    assert company.last()["fact"]["token"] == answer.id
    company.using(answer.secret).models.register("churn")
    actor = company.last()["actor"]
    assert (actor["id"], actor["credential"]) == (alice.users.me().id, answer.id)
    assert actor["via"] == "token"
    assert "vouched" not in actor


def test_a_secret_is_kept_nowhere(company: Company, tmp_path: Path) -> None:
    secret = _secret(company.acting("root"))
    assert files_with(tmp_path, secret.encode()) == []
    assert all(token.secret is None for token in company.acting("root").tokens.list().items)
    assert secret not in repr(company.entries())


def test_a_token_ends(company: Company) -> None:
    alice = company.join("alice", "developer")
    secret = _secret(alice, days=1)
    rooms = company.using(secret)
    company.clock.advance(days=1, microseconds=-1)
    rooms.models.register("churn")
    company.clock.advance(microseconds=1)
    with pytest.raises(Unauthenticated):
        rooms.models.register("late")
    with pytest.raises(Unauthenticated):
        rooms.users.me()


@pytest.mark.parametrize("days", [0, -1, 366])
def test_a_token_lives_from_a_day_to_a_year(company: Company, days: int) -> None:
    with pytest.raises(ExpiryNeeded):
        company.acting("root").tokens.create(days=days)


def test_a_token_lives_90_days_by_default(company: Company) -> None:
    answer = company.acting("root").tokens.create()
    assert answer.expires_at == company.clock.now() + timedelta(days=90)


@pytest.mark.parametrize("scopes", [[], ["fly"], ["MODEL_DEPLOY"]])
def test_scopes_are_permissions(company: Company, scopes: list[str]) -> None:
    with pytest.raises(ValueInvalid):
        company.acting("root").tokens.create(scopes=scopes)


def test_a_scope_gives_nothing_that_its_owner_lacks(company: Company) -> None:
    alice = company.join("alice", "developer")
    rooms = company.using(_secret(alice, scopes=["user.manage", "model.register", "model.read"]))
    rooms.models.register("churn")
    with pytest.raises(NotPermitted):
        rooms.users.add("eve")


def test_a_cut_down_token_does_what_its_scopes_name_alone(company: Company) -> None:
    alice = company.join("alice", "developer")
    rooms = company.using(_secret(alice, scopes=["model.read"]))
    with pytest.raises(NotPermitted) as refused:
        rooms.models.register("churn")
    assert refused.value.reasons == ("not_in_token_scope",)
    assert company.last()["fact"]["reasons"] == ["not_in_token_scope"]


SELF = ["token.issue_self", "model.read"]


def test_a_cut_down_token_makes_none_that_reaches_further(company: Company) -> None:
    alice = company.join("alice", "developer")
    rooms = company.using(_secret(alice, scopes=SELF))
    with pytest.raises(NotPermitted):
        rooms.tokens.create(scopes=["model.register"])
    assert set(rooms.tokens.create().scopes or ()) == set(SELF)
    assert rooms.tokens.create(scopes=["model.read"]).scopes == ("model.read",)


def test_a_cut_down_token_gets_no_wider_one_by_rotating_it(company: Company) -> None:
    alice = company.join("alice", "developer")
    wide = alice.tokens.create()
    other = alice.tokens.create(scopes=["model.register"])
    narrow = alice.tokens.create(scopes=SELF)
    rooms = company.using(narrow.secret)
    for token in (wide.id, other.id):
        with pytest.raises(NotPermitted):
            rooms.tokens.rotate(token)
    assert rooms.tokens.rotate(narrow.id).scopes == tuple(sorted(SELF))


def test_a_token_bound_to_a_network_makes_none_that_is_not(company: Company) -> None:
    alice = company.join("alice", "developer")
    free = alice.tokens.create()
    bound = alice.tokens.create(networks=["10.0.0.0/8"])
    principal = company.warden.authenticate(bound.secret or "", address="10.1.2.3")
    rooms = company.warden.bound(principal)
    assert rooms.tokens.create().networks == ("10.0.0.0/8",)
    assert rooms.tokens.create(networks=["10.1.0.0/16"]).networks == ("10.1.0.0/16",)
    for networks in (["0.0.0.0/0"], ["::/0"], ["11.0.0.0/8"]):
        with pytest.raises(NotPermitted):
            rooms.tokens.create(networks=networks)
    with pytest.raises(NotPermitted):
        rooms.tokens.rotate(free.id)


def test_a_token_works_from_its_networks_alone(company: Company) -> None:
    secret = _secret(company.acting("root"), networks=["10.0.0.0/8", "fd00::/8"])
    for address in ("10.9.9.9", "fd00::1", None):
        assert company.warden.authenticate(secret, address=address)
    for address in ("11.0.0.1", "::1", "not an address"):
        with pytest.raises(Unauthenticated):
            company.warden.authenticate(secret, address=address)


@pytest.mark.parametrize("network", ["10.0.0.1/8", "everywhere", ""])
def test_a_network_is_a_cidr_block(company: Company, network: str) -> None:
    with pytest.raises(ValueInvalid):
        company.acting("root").tokens.create(networks=[network])


def test_a_token_issued_for_another_person_is_lent_and_so_is_what_it_issues(
    company: Company,
) -> None:
    company.join("alice", "developer")
    root = company.acting("root")
    lent = root.tokens.create(user="alice")
    again = company.using(lent.secret).tokens.create()
    rotated = company.using(again.secret).tokens.rotate(again.id)
    own = company.acting("alice").tokens.create()
    lenders = [
        company.warden.authenticate(token.secret or "").lent_by for token in (lent, rotated, own)
    ]
    assert lenders == [root.users.me().id, root.users.me().id, None]


def test_a_programs_token_is_issued_by_its_owner_or_an_administrator(company: Company) -> None:
    alice, dave = company.join("alice", "developer"), company.join("dave", "developer")
    root = company.acting("root")
    root.service_accounts.add("ci", owner="alice")
    root.roles.grant("ci", "developer")
    for rooms in (alice, root):
        secret = _secret(rooms, user="ci")
        assert secret.startswith("mws_")
        assert company.using(secret).users.me().handle == "ci"
    with pytest.raises(NotPermitted):
        dave.tokens.create(user="ci")


def test_an_owner_with_a_cut_down_token_makes_no_wider_one_for_a_program(company: Company) -> None:
    alice = company.join("alice", "developer")
    company.acting("root").service_accounts.add("ci", owner="alice")
    reading = company.using(_secret(alice, scopes=["model.read"]))
    with pytest.raises(NotPermitted):
        reading.tokens.create(user="ci")
    issuing = company.using(_secret(alice, scopes=SELF))
    assert set(issuing.tokens.create(user="ci").scopes or ()) == set(SELF)


def test_a_revoked_token_stops_in_every_process(
    any_company: Company, store_url: str, tmp_path: Path
) -> None:
    company = any_company
    alice = company.join("alice", "developer")
    token = alice.tokens.create()
    secret = token.secret or ""
    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=company.clock) as second:
        elsewhere = second.bound(second.authenticate(secret))
        elsewhere.models.register("churn")
        alice.tokens.revoke(token.id)
        with pytest.raises(Unauthenticated):
            elsewhere.models.register("late")
        with pytest.raises(Unauthenticated):
            elsewhere.models.list()
        with pytest.raises(Unauthenticated):
            second.bound(second.authenticate(secret)).users.me()
        with pytest.raises(Unauthenticated):
            company.using(secret).users.me()


def test_a_revoked_role_ends_in_every_process(
    any_company: Company, store_url: str, tmp_path: Path
) -> None:
    company = any_company
    secret = _secret(company.join("alice", "developer"))
    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=company.clock) as second:
        elsewhere = second.bound(second.authenticate(secret))
        elsewhere.models.register("churn")
        company.acting("root").roles.revoke("alice", "developer")
        with pytest.raises(NotPermitted):
            elsewhere.models.register("late")
        company.acting("root").roles.grant("alice", "developer")
        assert elsewhere.models.register("again").name == "again"


def test_revoking_twice_answers_the_first_entry(company: Company) -> None:
    token = company.acting("root").tokens.create()
    first = company.acting("root").tokens.revoke(token.id)
    before = len(company.entries())
    assert company.acting("root").tokens.revoke(token.id) == first
    assert len(company.entries()) == before


def test_rotation_lets_the_old_token_work_until_the_overlap_ends(company: Company) -> None:
    alice = company.join("alice", "developer")
    old = alice.tokens.create(scopes=SELF, days=30, networks=["10.0.0.0/8"])
    new = alice.tokens.rotate(old.id, overlap_minutes=60)
    assert (new.scopes, new.networks) == (old.scopes, old.networks)
    assert new.expires_at - new.created_at == timedelta(days=30)
    assert company.last()["type"] == "token.rotated"
    rooms = company.using(old.secret)
    company.clock.advance(minutes=59)
    assert rooms.users.me().handle == "alice"
    company.clock.advance(minutes=1)
    with pytest.raises(Unauthenticated):
        rooms.users.me()
    assert company.using(new.secret).users.me().handle == "alice"


def test_an_overlap_is_never_drawn_out(company: Company) -> None:
    alice = company.join("alice", "developer")
    old = alice.tokens.create()
    alice.tokens.rotate(old.id, overlap_minutes=60)
    company.clock.advance(minutes=30)
    alice.tokens.rotate(old.id, overlap_minutes=1_440)
    company.clock.advance(minutes=30)
    with pytest.raises(Unauthenticated):
        company.using(old.secret).users.me()


@pytest.mark.parametrize("minutes", [-1, 1_441])
def test_an_overlap_lasts_a_day_at_most(company: Company, minutes: int) -> None:
    token = company.acting("root").tokens.create()
    with pytest.raises(ExpiryNeeded):
        company.acting("root").tokens.rotate(token.id, overlap_minutes=minutes)


def test_a_token_that_ended_is_not_rotated(company: Company) -> None:
    token = company.acting("root").tokens.create()
    company.acting("root").tokens.revoke(token.id)
    with pytest.raises(NotFound):
        company.acting("root").tokens.rotate(token.id)


def test_anybody_may_hand_in_a_token_that_they_found(company: Company) -> None:
    secret = _secret(company.join("alice", "developer"))
    company.join("dave").tokens.report(secret)
    told = company.last()
    assert (told["type"], told["severity"]) == ("token.reported", "HIGH")
    with pytest.raises(Unauthenticated):
        company.using(secret).users.me()
    with pytest.raises(NotFound):
        company.acting("dave").tokens.report(secret)


def test_what_was_never_a_token_is_not_found_and_recorded_nowhere(company: Company) -> None:
    before = len(company.entries())
    for secret in ("", "hello", new_token(ActorKind.USER)):
        with pytest.raises(NotFound):
            company.acting("root").tokens.report(secret)
    assert len(company.entries()) == before


def test_others_tokens_look_absent_in_lists_and_refused_by_id(company: Company) -> None:
    token = company.join("alice", "developer").tokens.create()
    dave = company.join("dave", "developer")
    for act in (dave.tokens.revoke, dave.tokens.rotate):
        with pytest.raises(NotPermitted):
            act(token.id)
    with pytest.raises(NotFound):
        dave.tokens.revoke("tok_unknown")
    assert dave.tokens.list().items == ()


def test_only_a_keyed_digest_of_the_secret_is_stored(company: Company) -> None:
    secret = _secret(company.acting("root"))
    with company.warden.store.database.reading() as connection:
        row = connection.execute(select(tokens)).one()
    assert row.secret_digest == company.warden.store.around.keyring.look_up("token", secret)
