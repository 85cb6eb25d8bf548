"""Secrets by reference: `env:NAME` or `file:PATH`, read when they are used and never kept (AC-80)."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from modelwarden.errors import SettingInvalid

MOST_BYTES: Final = 64 * 1024
OTHERS: Final = 0o027
"""A secret's file may be read by its owner and group, and written by its owner alone."""


def read_secret(reference: str) -> str:
    """Return what a reference names. Raises SettingInvalid, which repeats no secret."""
    scheme, found, place = reference.partition(":")
    if not found or scheme not in {"env", "file"}:
        raise SettingInvalid("a secret is given as env:NAME or file:PATH, never written out")
    if scheme == "env":
        if place not in os.environ:
            raise SettingInvalid(f"the environment has no {place}, which a sink's secret names")
        return os.environ[place]
    try:
        with Path(place).open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & OTHERS:
                raise SettingInvalid(f"{place} may be read by others: chmod 600 it")
            return file.read(MOST_BYTES).decode().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"the secret in {place} can't be read") from error
