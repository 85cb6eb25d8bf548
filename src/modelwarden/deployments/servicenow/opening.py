"""An instance as the settings name it: they are checked when the program starts, and the secret when it is needed."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelwarden.deployments.servicenow.change import Rules
from modelwarden.deployments.servicenow.instance import Account, Instance
from modelwarden.deployments.servicenow.rows import SYS_ID
from modelwarden.deployments.servicenow.source import ServiceNow
from modelwarden.errors import ExternalUnreadable, SettingInvalid

if TYPE_CHECKING:
    from modelwarden.config import Settings
    from modelwarden.deployments.servicenow.source import Reads

_STATE: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


def open_servicenow(warden: Reads, settings: Settings) -> ServiceNow | None:
    """Return the instance, not called yet; None where none is set up. Raises SettingInvalid."""
    if settings.servicenow_url is None:
        return None
    url = checked_url(settings.servicenow_url)
    if settings.servicenow_client_id is None or settings.servicenow_secret_file is None:
        raise SettingInvalid(
            "servicenow.url needs our account there: servicenow.client_id and servicenow.secret_file"
        )
    account = Account(
        url=url,
        client_id=settings.servicenow_client_id,
        secret_file=settings.servicenow_secret_file,
    )
    rules = _rules(settings)
    return ServiceNow(warden, Instance(account), rules=rules, url=url)


def push_secrets(settings: Settings) -> tuple[str, ...]:
    """Return the secrets by which an instance signs what it pushes: two while one is replaced, none by default.

    Raises ExternalUnreadable where their file can't be read.
    """
    file = settings.servicenow_push_secret_file
    if file is None:
        return ()
    try:
        return tuple(file.read_text("utf-8").split()[:2])
    except (OSError, UnicodeError) as error:
        raise ExternalUnreadable("the file of the push secret can't be read") from error


def checked_url(text: str) -> str:
    """Return the address in small letters, without its last slash. Raises SettingInvalid: a secret travels there."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError as error:
        raise SettingInvalid("servicenow.url is no address") from error
    if "@" in parts.netloc or parts.query or parts.fragment or parts.path.strip("/"):
        raise SettingInvalid("servicenow.url: scheme and host alone")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        raise SettingInvalid("servicenow.url has to begin with https://; a secret travels there")
    return text.rstrip("/").lower()


def _rules(settings: Settings) -> Rules:
    states, group = settings.servicenow_states, settings.servicenow_cab_group
    if not states or not all(_STATE.fullmatch(state) for state in states):
        raise SettingInvalid("servicenow.states: at least one code of a state, as -2")
    if settings.servicenow_approvers < 1:
        raise SettingInvalid("servicenow.approvers: at least 1")
    if group is not None and SYS_ID.fullmatch(group) is None:
        raise SettingInvalid("servicenow.cab_group: the sys_id of a group, 32 hex digits")
    return Rules(states=frozenset(states), approvers=settings.servicenow_approvers, cab_group=group)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
