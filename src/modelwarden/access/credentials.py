"""Tokens: how they look, how one is made, how a mistyped or invented one is seen without asking the database (AC-50).

`mwp_` personal, `mws_` service, `mwx_` third party; then 32 random base-62 characters and 6 of CRC-32 over what
precedes. The pattern `mw[psx]_[0-9A-Za-z]{38}` is published for secret scanners.
"""

from __future__ import annotations

import re
import secrets
import zlib
from typing import Final

from modelwarden.values.principal import ActorKind

PATTERN: Final = re.compile(r"mw[psx]_[0-9A-Za-z]{38}")
_PREFIXES: Final = {
    ActorKind.USER: "mwp_",
    ActorKind.SERVICE: "mws_",
    ActorKind.THIRD_PARTY: "mwx_",
}
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 32
_CHECK: Final = 6


def new_token(kind: ActorKind) -> str:
    """Return a fresh secret, to be shown once."""
    body = _PREFIXES[kind] + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return body + _checksum(body)


def is_well_formed(text: str) -> bool:
    """Tell whether the text has the form and checksum of a token."""
    return bool(PATTERN.fullmatch(text)) and _checksum(text[:-_CHECK]) == text[-_CHECK:]


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode("ascii")), []
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
