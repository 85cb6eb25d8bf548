"""How models of MLflow are called here, and which aliases only a deployment moves. Pure (RL-6, RL-55)."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from modelwarden.errors import SettingInvalid
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.model import RESERVED
from modelwarden.values.ids import MODEL_NAME, ModelName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FOREIGN: Final = re.compile(r"[^a-z0-9._-]+")
_ALIAS: Final = re.compile(r"[a-z0-9_-]{1,64}")
_SHORTENED: Final = 100
_TAIL: Final = 8


def our_name(name: str) -> ModelName:
    """Return what a registered model of MLflow is called here: its name, or one made of it and its digest."""
    if MODEL_NAME.fullmatch(name) and name not in RESERVED:
        return ModelName(name)
    words = _FOREIGN.sub("-", name.lower()).strip("-._")[:_SHORTENED] or "model"
    return ModelName(f"{words}-{sha256(name.encode()).hexdigest()[:_TAIL]}")


def protected_aliases(pairs: Iterable[str]) -> Mapping[str, Environment]:
    """Return alias → environment; they hold in every spelling. Raises SettingInvalid."""
    found: dict[str, Environment] = {}
    for pair in pairs:
        alias, _, place = pair.partition("=")
        if not _ALIAS.fullmatch(alias) or place not in set(Environment):
            raise SettingInvalid(
                f"mlflow.aliases: {pair!r} is not of the form alias=environment: an alias in small"
                f" letters, and {' or '.join(Environment)}"
            )
        found[alias] = Environment(place)
    return found
