"""Which other systems of record this process can read for the gate, by the name that policies use (RL-33)."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelwarden.deployments.github.site import Installation, Site
from modelwarden.deployments.github.source import SYSTEM, GitHub, issuer_of
from modelwarden.deployments.servicenow.opening import open_servicenow
from modelwarden.errors import SettingInvalid
from modelwarden.sinks.fetching import Calls, checked_url
from modelwarden.sinks.secret import read_secret
from modelwarden.values.system import system

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.approvals.external import Source
    from modelwarden.warden.warden import Warden


def sources_of(warden: Warden) -> Mapping[str, Source]:
    """Return the sources that the settings set up. Raises SettingInvalid."""
    found: dict[str, Source] = {}
    if warden.settings.github_repository is not None:
        found[SYSTEM] = _github(warden, warden.settings.github_repository)
    servicenow = open_servicenow(warden, warden.settings)
    if servicenow is not None:
        found[servicenow.name] = servicenow
    return MappingProxyType(found)


def _github(warden: Warden, repository: str) -> GitHub:
    settings = warden.settings
    app, number, key = settings.github_app, settings.github_installation, settings.github_key
    if app is None or number is None or key is None:
        raise SettingInvalid(
            "github.repository needs github.app, github.installation and github.key"
        )
    owner, _, name = repository.partition("/")
    if not owner or not name or "/" in name or not number.isdecimal():
        raise SettingInvalid("github.repository is owner/name, github.installation a number")
    base = checked_url(settings.github_url, "github.url")
    if urlsplit(base).scheme != "https" and urlsplit(base).hostname not in LOOPBACK:
        raise SettingInvalid("github.url begins with https://: tokens would travel in clear")
    place = Installation(base=base, app=app, number=number, key=partial(read_secret, key))
    return GitHub(
        Site(place, Calls(), now=warden.clock.now),
        repository,
        issuer=issuer_of(base),
        view=partial(warden.view, system("github")),
        now=warden.clock.now,
    )
