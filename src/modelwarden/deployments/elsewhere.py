"""What was noted as made elsewhere: it is live, but what nobody agreed to is nothing to go back to (RL-36a, RL-38)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.approvals.queries import find_request
from modelwarden.approvals.request import RequestState, VoidCause
from modelwarden.deployments.rollout import Origin

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.store.change import View


def was_agreed(view: View, deployment: Deployment) -> bool:
    """Tell whether the gate let a deployment pass; of one made elsewhere, whether people agreed to its version.

    An approval that has expired since was one (RL-38).
    """
    if deployment.origin is not Origin.RECORDED:
        return True
    found = None if deployment.request is None else find_request(view, deployment.request)
    if found is None or view.is_frozen("approval", found.id):
        return False
    return found.state is RequestState.APPROVED or found.cause is VoidCause.EXPIRED
