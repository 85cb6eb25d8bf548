"""Seats on a plain page: what waits, who stands in, and groups, as the API tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from tests.safeguards.fleet import ROOT, bearer

if TYPE_CHECKING:
    from tests.console.readers import Place


def test_groups_are_made_and_what_is_refused_says_why(place: Place) -> None:
    olivia, frank = place.reader("olivia"), place.reader("frank")
    page = olivia.send("/seats")
    assert page.status_code == 200, page.text
    assert "Nothing waits for you" in page.text
    assert "Time to decide" in page.text
    assert olivia.send("/seats", "create", group="risk").status_code == 403
    root = place.reader("root")
    made = root.send("/seats", "create", group="risk")
    assert "Made, without members" in made.text
    assert root.send("/seats", "create", group="<b>").status_code == 422
    added = root.send("/seats", "add", group="risk", user="olivia")
    assert "Let in" in added.text
    assert groups(place, "olivia") == ["risk"]
    assert groups(place, "frank") == []
    assert root.send("/seats", "add", group="risk", user="root").status_code == 403
    assert "Let out" in root.send("/seats", "remove", group="risk", user="olivia").text
    assert groups(place, "olivia") == []
    assert frank.send("/seats", "delegate", user="olivia", days="7", reason="x").status_code == 403
    soon = olivia.send("/seats", "delegate", user="frank", days="soon", reason="on leave")
    assert soon.status_code == 422
    assert 'aria-invalid="true"' in soon.text
    assert olivia.send("/seats", "end", delegation="dlg_1").status_code == 404
    assert olivia.send("/seats", "nonsense").status_code == 422


def groups(place: Place, name: str) -> list[Any]:
    answer = httpx.get(f"{place.address}{ROOT}/groups", headers=bearer(place.tokens[name]))
    return [one["name"] for one in answer.json()["items"]]
