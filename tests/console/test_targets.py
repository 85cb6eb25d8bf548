"""The overview shows how webhook targets of deployments stand, to whoever may read deployments (RL-40)."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from modelwarden.server import create_server_app
from tests.api.town import served
from tests.console.readers import Place, is_clean
from tests.deployments.following import Followed
from tests.notify.receiver import receiving

if TYPE_CHECKING:
    from pathlib import Path


def shown(place: Place, name: str) -> str:
    page = place.reader(name).send("/")
    assert is_clean(page)
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(page.text)).split())


def test_the_overview_shows_how_targets_stand(tmp_path: Path) -> None:
    with receiving() as receiver:
        followed = Followed(tmp_path, receiver)
        warden = followed.org.warden
        warden.add_user("frank")
        tokens = {
            name: warden.acting_as("root").tokens.create(user=name).secret or ""
            if name == "frank"
            else warden.acting_as(name).tokens.create().secret or ""
            for name in ("dave", "frank")
        }
        with served(create_server_app(warden.settings, warden=warden)) as followed.url:
            place = Place(followed.url, tokens, "")
            assert "Webhook targets" not in shown(place, "dave")
            followed.start()
            followed.turn()
            page = shown(place, "dave")
            assert "shop churn@1.1.0 in production, step 1: 100 % Has 5 min left" in page
            assert "Webhook targets" not in shown(place, "frank")
            followed.acknowledge(sha256="0" * 64)
            page = shown(place, "dave")
            assert "shop churn@1.1.0 in production, step 1: 100 % Serves other bytes" in page
            assert "shop back to churn@1.0.0 in production Has 10 min left" in page
        warden.close()
