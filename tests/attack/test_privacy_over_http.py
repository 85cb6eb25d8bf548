"""Every role at every route of personal data: who may not is told so, and not what there is (AC-6, AC-85)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.api import town as towns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.town import Town

WHY: Final = "a letter of 3 November asks for it"
EVERYBODY: Final = (*towns.PEOPLE, None)
READERS: Final = {"bob", "carol", "dave", "erin", "frank", "grace"}
READS: Final = ("/erasures", "/holds", "/retention", "/erasures/ers_0", "/holds/hld_0")
ERASE: Final[dict[str, Any]] = {"user": "victim", "basis": "objection", "reason": WHY}
WRITES: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("POST", "/erasures", ERASE),
    ("POST", "/erasures", {**ERASE, "user": "no-such-person"}),
    ("POST", "/holds", {"reason": WHY, "user": "victim"}),
    ("POST", "/holds", {"reason": WHY, "user": "no-such-person"}),
    ("POST", "/holds/hld_0/release", {}),
    ("PUT", "/retention", {"texts": 30}),
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.town(tmp_path_factory.mktemp("town")) as made:
        made.call("carol", "POST", "/users", {"handle": "victim"})
        yield made


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("name", EVERYBODY)
def test_only_who_reads_the_ledger_reads_of_personal_data(
    town: Town, name: str | None, path: str
) -> None:
    answer = town.call(name, "GET", path)
    there = 404 if path.endswith("_0") else 200
    expected = 401 if name is None else there if name in READERS else 403
    assert answer.status_code == expected


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("name", [name for name in EVERYBODY if name != "carol"])
def test_only_administrators_write_and_nobody_else_learns_who_there_is(
    town: Town, name: str | None, method: str, path: str, body: dict[str, Any]
) -> None:
    answer = town.call(name, method, path, body)
    code = "unauthenticated" if name is None else "not_permitted"
    assert (answer.status_code, answer.json()["code"]) == (401 if name is None else 403, code)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [WRITES[0], WRITES[5], ("POST", "/erasures", {**ERASE, "scope": "authored"})],
)
def test_an_administrator_alone_changes_nothing(
    town: Town, method: str, path: str, body: dict[str, Any]
) -> None:
    town.call("carol", "POST", "/users/victim/deactivate", {"reason": "left the company"})
    refused = town.call("carol", method, path, body)
    assert (refused.status_code, refused.json()["code"]) == (403, "permit_needed")


def test_a_hold_is_placed_by_one_and_released_by_none_alone(town: Town) -> None:
    placed = town.call("carol", "POST", "/holds", {"reason": WHY, "model": "unheard-of"})
    placed = (
        placed
        if placed.status_code == 201
        else town.call("carol", "POST", "/holds", {"reason": WHY, "user": "victim"})
    )
    assert placed.status_code == 201
    release = f"/holds/{placed.json()['id']}/release"
    assert town.call("carol", "POST", release).json()["code"] == "permit_needed"
    assert town.call("erin", "POST", release).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"texts": 0}, {"texts": -1}, {"texts": 10**9}, {"texts": None}, {"texts": "30"}, {"texts": 1.5},
        {"texts": True}, {"entries": 1}, {"deliveries": 10**400},
    ],
)  # fmt: skip
def test_days_that_are_none_are_refused(town: Town, body: dict[str, Any]) -> None:
    before = town.call("erin", "GET", "/retention").json()
    answer = town.call("carol", "PUT", "/retention", body)
    assert 400 <= answer.status_code < 500
    assert town.call("erin", "GET", "/retention").json() == before


@pytest.mark.parametrize(
    "name", ["NULL", "%", "' OR 1=1 --", "victim\x00", "*", "", "a" * 5_000, "vic\u0442im"]
)
def test_a_name_of_tricks_erases_and_holds_nobody(town: Town, name: str) -> None:
    for path, body in (
        ("/erasures", {**ERASE, "user": name}),
        ("/holds", {"reason": WHY, "user": name}),
    ):
        assert 400 <= town.call("carol", "POST", path, body).status_code < 500
