"""Where messages may go (NO-5): https to public addresses, and whatever else the setting `endpoint_allow` names.

A name is looked up once for each message, every address that it has is judged, and the connection goes to the judged
address itself: a name that answers otherwise a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from modelwarden.errors import EndpointAddressRefused, SettingInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Resolve: TypeAlias = "Callable[[str, int], Sequence[str]]"

IPAddress: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

LONGEST_URL: Final = 2_048
LONGEST_NAME: Final = 253
HTTPS: Final = 443
HTTP: Final = 80
MOST_PORT: Final = 65_535

_URL: Final = re.compile(r"[!-~]+")
_DNS_NAME: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that old programs read as a number: 127.1, 2130706433, 0x7f.1, 017700000001."""

_NEVER_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # the platform's own services on Azure, though the address looks public
        "::/96", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
        "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
"""Written out, since what Python calls global differs from release to release (RFC 6890 and its registries)."""
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
"""Addresses of IPv4 hosts as networks without IPv4 write them (RFC 6052)."""


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint's URL, taken apart. What is not the host may hold secrets, so `repr` shows the host alone."""

    scheme: str
    host: str
    port: int
    target: str

    def __repr__(self) -> str:
        return f"Address({self.shown})"

    @property
    def authority(self) -> str:
        """Return host and port as the `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTPS if self.scheme == "https" else HTTP
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """Return the URL as people see it: what follows the host may be a secret."""
        return f"{self.scheme}://{self.authority}" + ("" if self.target == "/" else "/…")


class Egress:
    """Which addresses may be called. Raises SettingInvalid for what is no network."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._allowed = tuple(_network(text) for text in allowed)

    def check(self, address: Address) -> None:
        """Judge what can be judged without looking a name up. Raises EndpointAddressRefused."""
        literal = _literal(address.host)
        if literal is not None:
            self._judge(address, literal)
        elif address.scheme == "http" and address.host != "localhost":
            raise EndpointAddressRefused("an endpoint is called by https; http is for this machine")

    def found(self, address: Address, resolve: Resolve) -> str:
        """Return the one IP address to connect to. Raises EndpointAddressRefused, OSError when a name has none."""
        literal = _literal(address.host)
        texts = [str(literal)] if literal else list(resolve(address.host, address.port))
        if not texts:
            raise OSError("the name has no address")
        for text in texts:  # one that is refused spoils all: it would be enough to try often
            self._judge(address, ipaddress.ip_address(text))
        return texts[0]

    def _judge(self, address: Address, ip: IPAddress) -> None:
        meant = _unwrapped(ip)
        is_allowed = any(
            meant.version == network.version and meant in network for network in self._allowed
        )
        if address.scheme == "http" and not (is_allowed and meant.is_loopback):
            raise EndpointAddressRefused(
                "http is for this machine alone, where endpoint_allow names it"
            )
        if not is_allowed and not is_public(meant):
            raise EndpointAddressRefused(
                "the endpoint lies in a network that is not public; endpoint_allow would have to name it"
            )


def parse_url(text: str) -> Address:
    """Take an endpoint's URL apart. Raises EndpointAddressRefused; the message never repeats the URL."""
    if not (len(text) <= LONGEST_URL and _URL.fullmatch(text)) or "\\" in text:
        raise EndpointAddressRefused(
            f"a URL has at most {LONGEST_URL:,} printable ASCII characters, without spaces"
        )
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise EndpointAddressRefused("the URL does not parse") from error
    if parts.scheme not in {"https", "http"} or not text.startswith(f"{parts.scheme}://"):
        raise EndpointAddressRefused("a URL begins with https://")
    if "@" in parts.netloc or parts.fragment or text.endswith("#"):
        raise EndpointAddressRefused("a URL holds no user, password or fragment")
    if port is not None and not 1 <= port <= MOST_PORT:
        raise EndpointAddressRefused("a port is a number from 1 to 65535")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(
        parts.scheme,
        _checked_host(host, parts.netloc),
        port or (HTTPS if parts.scheme == "https" else HTTP),
        target,
    )


def is_public(ip: IPAddress) -> bool:
    """Tell whether an address is one of the open network: none of a house, a link, a machine or a group."""
    meant = _unwrapped(ip)
    if any(meant.version == network.version and meant in network for network in _NEVER_PUBLIC):
        return False
    return meant.is_global and not (meant.is_multicast or meant.is_reserved)


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Look a name up as the machine does. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))


def _checked_host(host: str, netloc: str) -> str:
    if netloc.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host.replace("%", "no zones")))
        except ValueError as error:
            raise EndpointAddressRefused("the IPv6 address does not parse") from error
    name = host.removesuffix(".")
    if len(name) > LONGEST_NAME or _DNS_NAME.fullmatch(name) is None:
        raise EndpointAddressRefused("the host is no name (write other alphabets in punycode)")
    if _NUMBER.fullmatch(name.rpartition(".")[2]) and _literal(name) is None:
        raise EndpointAddressRefused("write an IPv4 address as four decimal numbers")
    return name


def _literal(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _unwrapped(ip: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address stands for, if it does; tunnels stay what they are."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _TRANSLATED:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingInvalid(
            f"endpoint_allow: {text!r} is no network such as 127.0.0.0/8"
        ) from error
