"""Which waivers hold now: each weighed anew, signatures and all, in the transaction that relies on it (EVAL-5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.approvals import case, gate
from modelwarden.approvals.request import RequestState
from modelwarden.approvals.waivers import queries
from modelwarden.policies.check import Waiver, at_text
from modelwarden.policies.governing import places
from modelwarden.policies.reads import requirements
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.policies.governing import Requirements
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View


def standing(
    view: View, version: Version, *, model: Model, environment: Environment
) -> tuple[Waiver, ...]:
    """Return the waivers of a version that hold there now; one for production holds in staging, too (RL-15)."""
    if requirements(view, model.name, environment).waivers is None:
        return ()
    found = queries.waivers_of(
        view,
        version.name,
        environments=sorted({environment, Environment.PRODUCTION}),
        states=(RequestState.APPROVED,),
    )
    return tuple(
        Waiver(check=str(asked.payload["check"]), request=asked.id, until=at_text(asked.expires_at))
        for asked in found
        if asked.payload is not None and _holds(view, asked, model=model, version=version)
    )


def _holds(view: View, asked: ApprovalRequest, *, model: Model, version: Version) -> bool:
    needs = requirements(view, model.name, asked.environment)
    if view.is_frozen("approval", asked.id) or not _is_of(asked, needs):
        return False
    approval = case.weighed(
        view,
        asked,
        basis=case.current_basis(view, asked, version),
        barred=case.barred(view, asked, model=model, version=version),
    )
    nobody = gate.Deployer(person=view.person, permitted=True)
    return gate.weigh_approval(
        approval, humans=len(asked.seats), deployer=nobody, separate=False, at=view.now
    ).allow


def _is_of(asked: ApprovalRequest, needs: Requirements) -> bool:
    """Tell whether it is what the policies let be signed: by these seats, for no longer than this."""
    terms = needs.waivers
    if terms is None or asked.seats != places(terms.seats):
        return False
    return asked.expires_at - asked.opened_at <= terms.longest
