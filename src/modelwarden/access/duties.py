"""Separation of duties: roles that one person must not join, and people who must not meet in one case. Pure.

Compared are persons, the humans behind accounts, never names (AC-17). No role is exempt, admin included (AC-18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.errors import RoleConflict
from modelwarden.permissions import (
    ADMINISTERING,
    DECIDING,
    READING,
    SELF_SERVICE,
    Permission,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from modelwarden.errors import DutyRefusal
    from modelwarden.values.ids import PersonId

_OPERATING: Final = frozenset({Permission.DEPLOY_PRODUCTION, Permission.DEPLOY_STAGING})
_BUILDING: Final = frozenset({Permission.MODEL_REGISTER})


def check(
    persons: AbstractSet[PersonId],
    *,
    barred: Mapping[str, AbstractSet[PersonId]],
    rule: type[DutyRefusal],
    about: tuple[tuple[str, str], ...] = (),
) -> None:
    """Raise `rule` if one of the acting persons takes part in the case; the message says as what."""
    met = sorted(part for part, barred_persons in barred.items() if persons & barred_persons)
    if met:
        parts = " and ".join(met)
        raise rule(
            f"you take part in this case as {parts}; someone who does not has to do it",
            about=about,
            reasons=tuple(met),
        )


def conflicts(permissions: AbstractSet[Permission], *, audits: bool) -> tuple[str, ...]:
    """Return the static conflicts (AC-16) in all that one person would hold in overlapping scope.

    Args:
        permissions: everything that the person's accounts would give together.
        audits: whether one of the roles is the auditor's, which may hold nothing that writes.
    """
    found = []
    if audits and permissions - READING - SELF_SERVICE:
        found.append("an auditor can't hold a role that changes things")
    if permissions & DECIDING and permissions & ADMINISTERING:
        found.append("an approver can't be an administrator too")
    return tuple(found)


def warnings(permissions: AbstractSet[Permission]) -> tuple[str, ...]:
    """Return what AC-16 warns of without refusing: an approver who also builds or deploys."""
    deciding = permissions & DECIDING
    return tuple(
        f"an approver who also {does} will often be barred from deciding"
        for does, held in (("deploys", _OPERATING), ("builds models", _BUILDING))
        if deciding and permissions & held
    )


def check_static(
    permissions: AbstractSet[Permission], *, audits: bool, about: tuple[tuple[str, str], ...]
) -> None:
    """Raise RoleConflict if one person would hold permissions that must not meet."""
    found = conflicts(permissions, audits=audits)
    if found:
        raise RoleConflict("; ".join(found), about=about)
