"""Whether nobody merges past the gate at GitHub: the check has to be required on the branch, of our App (RL-49)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from modelwarden.deployments.github.pulls import items, understood
from modelwarden.deployments.github.reporting import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.deployments.github.site import Site


class Required(NamedTuple):
    """What the branch that pull requests go to asks for; `of_us` where nobody else's check of the name is taken."""

    branch: str
    is_required: bool
    of_us: bool


def required(site: Site, repository: str) -> Required:
    """Return what rulesets and the branch's protection ask for now. Raises ExternalUnreadable, Unreachable."""
    at = f"/repos/{repository}"
    with understood():
        branch = str(site.get(at).value["default_branch"])
        apps = list(_apps(site, at, quote(branch, safe="")))
    return Required(branch, bool(apps), any(str(app) == site.app for app in apps))


def _apps(site: Site, at: str, branch: str) -> Iterator[Any]:
    """Yield of which App the check is required, each time that it is; None for anybody's."""
    for rule in items(site.pages(f"{at}/rules/branches/{branch}?per_page=100")):
        if rule["type"] == "required_status_checks":
            for check in rule["parameters"]["required_status_checks"]:
                if check["context"] == NAME:
                    yield check.get("integration_id")
    shown = site.get(f"{at}/branches/{branch}").value
    asked = (shown.get("protection") or {}).get("required_status_checks") or {}
    checks = asked.get("checks") or [{"context": each} for each in asked.get("contexts", [])]
    for check in checks:
        if check["context"] == NAME:
            yield check.get("app_id")
