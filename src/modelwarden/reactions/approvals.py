"""Approvals lose their force when what was signed changes, a deciding key is compromised, or time runs out (RL-17).

Deciding and the gate look for themselves, so nothing unsafe passes in between; this makes the state say so at once.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelwarden.approvals import actions
from modelwarden.values.clock import moment
from modelwarden.values.ids import ModelName
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.store.follower import Position

NAME: Final = "approvals"
_ACTOR: Final = system("approvals")
_MODEL_FACTS: Final = frozenset(
    {
        "approval.expired", "approval.voided",  # it may have been a waiver that another approval rests on
        "drill.reported", "evidence.recorded", "metrics.recorded", "policy.assigned",
    }
)  # fmt: skip
_ALL_FACTS: Final = frozenset(
    {"ledger.verification_failed", "policy.assigned", "policy.published", "policy.retired"}
)
"""Without a model they may change what governs any, or what its checks come to."""
_WATCHED: Final = tuple(
    f'"type":"{kind}"'.encode()
    for kind in (*sorted(_MODEL_FACTS | _ALL_FACTS), "key.compromised", "usecase.updated")
)


class VoidApprovals:
    """A follower's step. Seeing an entry again changes nothing: what is void stays void."""

    def __init__(self, warden: Acts) -> None:
        self._warden = warden

    def begin(self, at: Position, /) -> None:
        """Go on from a position: nothing was gathered."""

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:  # noqa: ARG002  # links nothing
        """Void what the entries' facts have changed."""
        for entry in batch:
            if any(mark in entry.body for mark in _WATCHED):
                self._react(json.loads(entry.body))

    def idle(self) -> None:
        """Remind, escalate, let expire whose time has run out, and refuse use cases whose sunset has come."""
        for waiting in self._warden.view(_ACTOR, actions.requests_to_remind):
            self._warden.change(_ACTOR, partial(actions.remind, request_id=waiting))
        if self._warden.view(_ACTOR, actions.has_due):
            self._warden.change(_ACTOR, actions.expire_due)
        for name in self._warden.view(_ACTOR, actions.use_cases_due):
            self._warden.change(_ACTOR, partial(actions.sunset_use_case, name=name))

    def _react(self, body: dict[str, Any]) -> None:
        fact = body["fact"]
        if body["outcome"] != "done" and body["type"] != "ledger.verification_failed":
            return
        if body["type"] in _MODEL_FACTS and "model" in fact:
            self._warden.change(
                _ACTOR, partial(actions.void_changed, model=ModelName(fact["model"]))
            )
        elif body["type"] in _ALL_FACTS:
            self._void_all()
        elif body["type"] == "usecase.updated":
            self._warden.change(_ACTOR, partial(actions.void_use_case, name=fact["use_case"]))
        elif body["type"] == "key.compromised":
            since = moment(fact["since"])
            self._warden.change(_ACTOR, partial(actions.void_key, keyid=fact["key"], since=since))

    def _void_all(self) -> None:
        """Look at every model with a request in force, one change each."""
        after = ""
        while found := self._warden.view(_ACTOR, partial(actions.models_in_force, after=after)):
            for model in found:
                self._warden.change(_ACTOR, partial(actions.void_changed, model=model))
            after = found[-1]
