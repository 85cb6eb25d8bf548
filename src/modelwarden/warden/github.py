"""The repository at GitHub that the settings name: its site, its source of evidence, its hooks (RL-47 to RL-50)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelwarden.deployments.github.hook import Place
from modelwarden.deployments.github.receiving import ACTOR, Hooks
from modelwarden.deployments.github.requiring import Required, required
from modelwarden.deployments.github.site import Installation, Site
from modelwarden.deployments.github.source import GitHub, issuer_of
from modelwarden.errors import SettingInvalid
from modelwarden.sinks.fetching import Calls, checked_url
from modelwarden.sinks.secret import read_secret

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What is set up for one repository. The gate and the program itself do not wait for each other's calls."""

    source: GitHub
    own_site: Site
    own_source: GitHub
    hooks: Hooks
    calls: tuple[Calls, ...]

    def required(self) -> Required:
        """Return whether the check is required where pull requests go. Raises ExternalUnreadable, Unreachable."""
        return required(self.source.site, self.source.repository)

    def abort(self) -> None:
        """End the calls under way, and each that comes."""
        for each in self.calls:
            each.abort()

    def close(self) -> None:
        """Let go of what is left."""
        for each in self.calls:
            each.close()


def open_github(warden: Warden) -> Repository | None:
    """Return the repository, not called yet; None where none is set up. Raises SettingInvalid."""
    settings = warden.settings
    repository = settings.github_repository
    if repository is None:
        return None
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
    calls = (Calls(), Calls())
    sites = [Site(place, each, now=warden.clock.now) for each in calls]
    view = partial(warden.view, ACTOR)
    sources = [
        GitHub(site, repository, issuer=issuer_of(base), view=view, now=warden.clock.now)
        for site in sites
    ]
    secret = settings.github_webhook_secret
    hooks = Hooks(
        warden,
        Place(base, repository, number),
        secret=None if secret is None else partial(read_secret, secret),
    )
    return Repository(
        source=sources[0], own_site=sites[1], own_source=sources[1], hooks=hooks, calls=calls
    )
