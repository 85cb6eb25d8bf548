"""An instance as the settings name it: they are checked when the program starts, and the secret when it is needed."""

from __future__ import annotations

import ipaddress
import re
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from modelwarden.deployments.servicenow.change import Rules
from modelwarden.deployments.servicenow.instance import Account, Instance, Template
from modelwarden.deployments.servicenow.rows import SYS_ID
from modelwarden.deployments.servicenow.source import ServiceNow, Ways
from modelwarden.errors import ExternalUnreadable, SettingInvalid

if TYPE_CHECKING:
    from modelwarden.config import Settings
    from modelwarden.deployments.servicenow.source import Reads

_STATE: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
KINDS: Final = ("normal", "emergency", "standard")


def open_servicenow(warden: Reads, settings: Settings) -> ServiceNow | None:
    """Return the instance, not called yet; None where none is set up. Raises SettingInvalid."""
    if settings.servicenow_url is None:
        return None
    url = checked_url(settings.servicenow_url)
    rules, ways = _rules(settings), _ways(settings)
    return ServiceNow(warden, Instance(account_of(settings, url)), rules=rules, url=url, ways=ways)


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


def account_of(settings: Settings, url: str) -> Account:
    """Return who we are there, by secret, by certificate, or by both. Raises SettingInvalid."""
    client_id, secret = settings.servicenow_client_id, settings.servicenow_secret_file
    certificate, ca = settings.servicenow_certificate, settings.servicenow_ca
    if (client_id is None) is not (secret is None) or (client_id is None and certificate is None):
        raise SettingInvalid(
            "servicenow.url needs our account there: servicenow.client_id and servicenow.secret_file, or"
            " servicenow.certificate"
        )
    tls = None
    try:
        if certificate is not None or ca is not None:
            tls = ssl.create_default_context(cafile=ca)
        if tls is not None and certificate is not None:
            tls.load_cert_chain(certificate, password=_no_password)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise SettingInvalid(
            "servicenow.certificate: a PEM file with certificate and key, the key not encrypted;"
            " servicenow.ca: a PEM file"
        ) from error
    return Account(url=url, client_id=client_id, secret_file=secret, tls=tls)


def _no_password() -> str:
    """Refuse to ask at the terminal for the password of a key."""
    raise ValueError


def _ways(settings: Settings) -> Ways:
    kind, template = settings.servicenow_type, settings.servicenow_template
    if kind not in KINDS or (kind == "standard") is not (template is not None):
        raise SettingInvalid(
            f"servicenow.type: one of {', '.join(KINDS)}; standard, and it alone, takes servicenow.template"
        )
    if template is not None and SYS_ID.fullmatch(template) is None:
        raise SettingInvalid("servicenow.template: the sys_id of a template, 32 hex digits")
    closes = settings.servicenow_closes
    if not all(_STATE.fullmatch(state) for state in closes) or len(set(closes)) < len(closes):
        raise SettingInvalid("servicenow.closes: codes of states, each once, as 0 3")
    return Ways(
        template=Template(kind=kind, template=template),
        closes=closes,
        close_code=settings.servicenow_close_code,
    )


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
