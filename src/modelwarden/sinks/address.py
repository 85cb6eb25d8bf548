"""Where a sink writes, as one address: `worm:///srv/worm`, `s3://bucket/prefix?region=eu-west-1&required=true`.

Each kind says which options it knows; an unknown one is an error, and so is a secret written out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from modelwarden.errors import SettingInvalid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
COMMON: Final = frozenset({"name", "required"})
"""Options of every sink: its name among followers, and whether writes wait for it (LG-51)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkAddress:
    """One sink: its kind, its name, the place, and the options of its kind."""

    kind: str
    name: str
    place: str
    path: str
    required: bool
    options: Mapping[str, str]

    def known(self, allowed: Collection[str]) -> Mapping[str, str]:
        """Return the options. Raises SettingInvalid for one that this kind does not know."""
        unknown = sorted(set(self.options) - set(allowed))
        if unknown:
            raise SettingInvalid(
                f"sink {self.name}: no such option: {', '.join(unknown)}; known are"
                f" {', '.join(sorted({*allowed, *COMMON}))}"
            )
        return self.options


def parse_address(text: str) -> SinkAddress:
    """Read an address. Its name is its kind unless named. Raises SettingInvalid."""
    if not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        raise SettingInvalid(
            "a sink's address has no spaces, no # and no letters beyond ASCII: write them as %20, %23 and so on"
        )
    parts = urlsplit(text)
    if not parts.scheme or not (parts.netloc or parts.path):
        raise SettingInvalid(f"a sink is an address such as worm:///srv/worm, not {parts.scheme}…")
    if "@" in parts.netloc:
        raise SettingInvalid(
            f"sink {parts.scheme}: an address holds no user or password; see the sink's page for how it signs in"
        )
    if "&" in parts.path or ";" in parts.path:
        raise SettingInvalid(
            f"sink {parts.scheme}: options begin with ?, as in worm:///srv/worm?required=true"
        )
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(pairs)
    if len(pairs) != len(options):
        raise SettingInvalid(f"sink {parts.scheme}: an option stands in its address twice")
    name = options.pop("name", parts.scheme.replace("+", "-"))
    if NAME.fullmatch(name) is None:
        raise SettingInvalid(
            f"sink {parts.scheme}: its name= is 1 to 40 small letters, digits, - and _"
        )
    required = options.pop("required", "false")
    if required not in {"true", "false"}:
        raise SettingInvalid(f"sink {name}: required is true or false")
    return SinkAddress(
        kind=parts.scheme,
        name=name,
        place=parts.netloc,
        path=unquote(parts.path),
        required=required == "true",
        options=MappingProxyType(options),
    )
