"""Switches as flags of OpenFeature, for programs that ask there already (SG-56). It needs the extra `openfeature`.

    api.set_provider(SwitchProvider(guard))
    client.get_boolean_value("kill.churn", True, EvaluationContext("c-1", {"region": "eu"}))

`kill.<model>` is true where a switch blocks or diverts; `decision.<model>` says more. Nothing is predicted or counted.
Attributes of the evaluation context are dimensions, the targeting key is the guard's key. Without a snapshot flags are
PROVIDER_NOT_READY, so that the caller's default counts; failing closed, the model is killed. A default of True is the
safe one.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from openfeature.event import ProviderEventDetails
from openfeature.exception import (
    ErrorCode,
    FlagNotFoundError,
    GeneralError,
    ProviderNotReadyError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata

from modelwarden.guard.held import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openfeature.evaluation_context import EvaluationContext

    from modelwarden.guard.guard import Guard
    from modelwarden.guard.match import Match

    FlagValue = Any

T = TypeVar("T")
KILL: Final = "kill."
DECISION: Final = "decision."
KEY: Final = "key"
LOOK_S: Final = 0.5
"""How often it looks whether there is news to tell of."""


class SwitchProvider(AbstractProvider):
    """Answers for the models of some guards, which stay the program's own to close.

    Events follow the snapshots: PROVIDER_READY once each guard has one that is not stale, PROVIDER_STALE while one's
    is, PROVIDER_CONFIGURATION_CHANGED with the flags of a model whose rules are others, PROVIDER_ERROR while a guard
    has none.
    """

    def __init__(self, *guards: Guard, look_s: float = LOOK_S) -> None:
        super().__init__()
        self._guards = {str(guard.status()["model"]): guard for guard in guards}
        self._look_s = look_s
        self._ended = threading.Event()
        self._ended.set()
        self._thread: threading.Thread | None = None
        self._seen: dict[str, object] = {}
        self._told = State.FRESH
        self._hooked = False

    def get_metadata(self) -> Metadata:
        """Name the provider."""
        return Metadata(name="modelwarden")

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002 - nothing is asked here
        """Begin to look for news, which says when a guard has a snapshot. Raises ProviderNotReadyError until then."""
        self._seen = self._rules()
        self._told = self._state()
        self._ended.clear()
        self._start()
        self._start_in_children()
        if self._told is State.NONE:
            raise ProviderNotReadyError("there is no snapshot")
        if self._told is State.STALE:
            self._told = (
                State.FRESH
            )  # the SDK says READY after this; STALE is said at the next look

    def shutdown(self) -> None:
        """Stop looking."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    # --- flags -------------------------------------------------------------------------------------

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: ARG002, FBT001 - theirs; what is wrong raises, and the SDK takes the default
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Say whether a model is killed for a context."""
        guard = self._guard(flag_key, KILL)
        found, diverts = self._match(guard, evaluation_context)
        killed = found.diverts or diverts is not None
        return _details(guard, found, diverts, value=killed, variant="killed" if killed else "free")

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValue] | Mapping[str, FlagValue],  # noqa: ARG002 - as above
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValue] | Mapping[str, FlagValue]]:
        """Say what the switches decide for a context: action, switches, steps, missing dimensions."""
        guard = self._guard(flag_key, DECISION)
        found, diverts = self._match(guard, evaluation_context)
        action = found.action.name.lower() if diverts is None or found.diverts else "fallback"
        value: Mapping[str, FlagValue] = {
            "action": action,
            "switches": list(found.switches),
            "steps": "chain" if found.steps is None else list(found.steps),
            "missing": list(found.missing),
            "diverts": diverts or "",
            "state": guard.state.value,
            "generation": guard.held.generation,
        }
        return _details(guard, found, diverts, value=value, variant=action)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,  # noqa: ARG002
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[str]:
        """Raise: no flag is text."""
        self._mistyped(flag_key)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,  # noqa: ARG002
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[int]:
        """Raise: no flag is a number."""
        self._mistyped(flag_key)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,  # noqa: ARG002
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[float]:
        """Raise: no flag is a number."""
        self._mistyped(flag_key)

    def _guard(self, flag: str, kind: str) -> Guard:
        guard = self._guards.get(flag.removeprefix(kind)) if flag.startswith(kind) else None
        if guard is None:
            self._mistyped(flag)
        return guard

    def _mistyped(self, flag: str) -> NoReturn:
        kind, _, model = flag.partition(".")
        if f"{kind}." in {KILL, DECISION} and model in self._guards:
            raise TypeMismatchError(f"{KILL}… is a boolean and {DECISION}… an object")
        raise FlagNotFoundError(f"{flag}: no guard of this program is of that model")

    def _match(self, guard: Guard, context: EvaluationContext | None) -> tuple[Match, str | None]:
        values: dict[str, object] = {}
        if context is not None:
            values |= {name: each for name, each in context.attributes.items() if name != "model"}
            if context.targeting_key is not None:
                values[KEY] = context.targeting_key
        try:
            found = guard.check(**values)
        except Exception as error:
            raise GeneralError(f"the guard can't tell: {type(error).__name__}") from error
        held = guard.held
        diverts = held.rules.diverts
        if held.state is State.NONE and diverts is None and not found:
            raise ProviderNotReadyError("there is no snapshot")
        return found, diverts

    # --- events ------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._look, name="guard-openfeature", daemon=True)
        self._thread.start()

    def _start_in_children(self) -> None:
        """See to it that a forked child looks for news, too; the hook can't be taken back, and keeps nothing alive."""
        if self._hooked or not hasattr(os, "register_at_fork"):
            return
        self._hooked, mine = True, weakref.ref(self)

        def in_child() -> None:
            provider = mine()
            if provider is not None:
                provider.after_fork()

        os.register_at_fork(after_in_child=in_child)

    def after_fork(self) -> None:
        """Look for news in a forked child, too: flags and status follow. The SDK's own handlers don't run there."""
        if not self._ended.is_set():
            self._ended = threading.Event()
            self._start()

    def _look(self) -> None:
        while not self._ended.wait(self._look_s):
            state, rules = self._state(), self._rules()
            changed = [model for model, each in rules.items() if self._seen.get(model) is not each]
            if state is not self._told:
                self._told = state
                self._tell(state)
            if changed:
                self._seen = rules
                flags = [f"{kind}{model}" for model in changed for kind in (KILL, DECISION)]
                self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=flags))

    def _tell(self, state: State) -> None:
        if state is State.FRESH:
            self.emit_provider_ready(ProviderEventDetails())
        elif state is State.STALE:
            self.emit_provider_stale(ProviderEventDetails(message="a snapshot is stale"))
        else:
            details = ProviderEventDetails(
                message="there is no snapshot", error_code=ErrorCode.PROVIDER_NOT_READY
            )
            self.emit_provider_error(details)

    def _state(self) -> State:
        """Return how the worst of the guards stands."""
        states = {guard.state for guard in self._guards.values()}
        return next((one for one in (State.NONE, State.STALE) if one in states), State.FRESH)

    def _rules(self) -> dict[str, object]:
        return {model: guard.held.rules for model, guard in self._guards.items()}


def _details(
    guard: Guard, found: Match, diverts: str | None, *, value: T, variant: str
) -> FlagResolutionDetails[T]:
    if guard.state is State.STALE:
        reason = Reason.STALE
    elif found:
        reason = Reason.TARGETING_MATCH
    else:
        reason = Reason.DEFAULT if diverts is None else Reason.STATIC
    told: dict[str, bool | int | float | str] = {"generation": guard.held.generation}
    if found.switches:
        told["switches"] = ",".join(found.switches)
    return FlagResolutionDetails(value=value, reason=reason, variant=variant, flag_metadata=told)
