"""The embedded SDK's room of kill switches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from modelwarden.safeguards import actions, answers
from modelwarden.safeguards.actions import (
    Environment,
    OnExpiry,
    SwitchAction,
    SwitchSeverity,
    Unknown,
)
from modelwarden.safeguards.fleet.reads import confirmations_answer
from modelwarden.safeguards.preview import preview_answer
from modelwarden.safeguards.triggers.answers import proposal_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.values.guards import ConfirmationsAnswer
    from modelwarden.values.previews import PreviewAnswer
    from modelwarden.values.switches import SwitchAnswer, SwitchCheckAnswer, TogglesAnswer
    from modelwarden.values.triggers import ProposalAnswer
    from modelwarden.warden.bound import Bound


class Switches:
    """Kill switches: stopping models at once, and letting them go on by two people."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def activate(  # noqa: PLR0913  # the fields of a switch
        self,
        scope: Mapping[str, Any] | None = None,
        *,
        reason: str,
        except_: Mapping[str, Any] | None = None,
        action: str | None = None,
        fallback: str | Sequence[str] | None = None,
        severity: str = "SEV2",
        environment: str = "production",
        incident: str | None = None,
        evidence: str | None = None,
        expires_at: datetime | None = None,
        on_expiry: str | None = None,
        unknown: str = "match",
        lkg_before: datetime | None = None,
        everything: bool = False,
        allow_unknown: bool = False,
    ) -> SwitchAnswer:
        """Stop or divert predictions in a scope, from the commit on; what is stopped so already is answered instead.

        `scope` and `except_` map dimensions to text, a list of texts, `{"not_in": […]}` or `{"prefix": "…"}` (SG-2).
        `action` is `block`, `fallback` (to `chain`, or steps) or `observe`; `severity` says how many people a release
        takes (SG-10). At `expires_at` people are reminded, or the switch ends: `on_expiry` is `remind` or `release`.

        Raises NotPermitted, ReasonRequired, ScopeEmpty, UnknownDimension, UnknownTarget, FallbackUnknown, ValueInvalid.
        """
        new = actions.NewSwitch(
            reason=reason,
            scope=scope or {},
            exception=except_ or {},
            environment=named(Environment, environment, field="environment"),
            action=maybe_named(SwitchAction, action, field="action"),
            fallback=actions.steps(fallback),
            severity=named(SwitchSeverity, severity, field="severity"),
            incident=incident,
            evidence=evidence,
            expires_at=expires_at,
            on_expiry=maybe_named(OnExpiry, on_expiry, field="on_expiry"),
            unknown=named(Unknown, unknown, field="unknown"),
            lkg_before=lkg_before,
            everything=everything,
            allow_unknown=allow_unknown,
        )
        return self._bound.write(partial(actions.activate, new=new), answers.activation_answer)

    def emergency_disable(
        self,
        *,
        reason: str,
        model: str | None = None,
        model_type: str | None = None,
        severity: str = "SEV2",
        environment: str = "production",
    ) -> SwitchAnswer:
        """Block all calls of a model, of a type of models, or of both together: `activate` with that scope alone.

        Raises ScopeEmpty where neither is named, and whatever `activate` raises.
        """
        named = {"model": model, "model_type": model_type}
        scope = {name: value for name, value in named.items() if value is not None}
        return self.activate(scope, reason=reason, severity=severity, environment=environment)

    def show(self, switch: str) -> SwitchAnswer:
        """Return a switch, live or not. Raises NotFound."""
        return self._bound.read(partial(actions.switch, switch_id=switch), answers.switch_answer)

    def confirmations(self, switch: str) -> ConfirmationsAnswer:
        """Return which guards applied a switch, counted now. Raises NotFound."""
        action = partial(actions.confirmations, switch_id=switch)
        return self._bound.read(action, confirmations_answer)

    def active(
        self,
        *,
        model: str | None = None,
        environment: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[SwitchAnswer]:
        """Return a page of the switches that are enforced, newest first; with a model, those that may touch it."""
        return self._page(model, environment, Page(limit=limit, cursor=cursor), live=True)

    def history(
        self,
        *,
        model: str | None = None,
        environment: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[SwitchAnswer]:
        """Return a page of all switches, newest first, those that ended too."""
        return self._page(model, environment, Page(limit=limit, cursor=cursor), live=False)

    def check(
        self, context: Mapping[str, str], *, environment: str = "production"
    ) -> SwitchCheckAnswer:
        """Return what the live switches do to a call with these values, and which of them match by what.

        Raises NotPermitted, UnknownDimension, ValueInvalid.
        """
        place = named(Environment, environment, field="environment")
        action = partial(actions.check, context=context, environment=place)
        return self._bound.read(action, answers.check_answer)

    def preview(
        self,
        scope: Mapping[str, Any] | None = None,
        *,
        except_: Mapping[str, Any] | None = None,
        environment: str = "production",
    ) -> PreviewAnswer:
        """Return what a switch with this scope would hit, as far as guards know (SG-7); nothing is stopped.

        Raises NotPermitted, UnknownDimension, ValueInvalid.
        """
        action = partial(
            actions.preview,
            scope=scope or {},
            exception=except_,
            environment=named(Environment, environment, field="environment"),
        )
        return self._bound.read(action, preview_answer)

    def apply(self, document: Mapping[str, Any]) -> TogglesAnswer:
        """Bring switches in force as a file names them, idempotent by name (SG-8).

        Args:
            document: `source`, the file's own name, and `switches`, a list of objects with `name`, `reason`, `scope`
                and the other fields of a switch.

        Raises whatever `activate` raises; ValueInvalid for a document of another form.
        """
        return self._bound.write(partial(actions.apply, document=document), answers.toggles_answer)

    def request_release(
        self, switch: str, *, notes: str, verification: str | None = None
    ) -> SwitchAnswer:
        """Ask to let predictions go on; the switch stays enforced until it is confirmed.

        Raises NotFound, NotPermitted, ReasonRequired, SwitchNotActive.
        """
        action = partial(
            actions.request_release, switch_id=switch, notes=notes, verification=verification
        )
        return self._bound.write(action, answers.switch_answer)

    def confirm_release(
        self, switch: str, *, notes: str, ramp: str | None = None, bake: str | None = None
    ) -> SwitchAnswer:
        """Release a switch whose release was asked for, at once or in steps; it never comes back.

        With `ramp`, such as "10,50,100", so many percent of callers are let go first; each step stands for `bake`
        (10m) at least, and the next one takes a verdict; until the last, `refuse_release` takes it back (SG-11).

        Raises:
            NotFound, NotPermitted, ReasonRequired, ReleaseNotRequested, SwitchNotActive, ValueInvalid.
            SelfRelease, OwnerRelease: who takes part in the case can't confirm (SG-10).
        """
        action = partial(
            actions.confirm_release, switch_id=switch, notes=notes, ramp=ramp, bake=bake
        )
        return self._bound.write(action, answers.switch_answer)

    def refuse_release(self, switch: str, *, notes: str) -> SwitchAnswer:
        """Keep a switch whose release was asked for. Raises ReleaseNotRequested, SwitchNotActive."""
        action = partial(actions.refuse_release, switch_id=switch, notes=notes)
        return self._bound.write(action, answers.switch_answer)

    def withdraw_release(self, switch: str, *, notes: str | None = None) -> SwitchAnswer:
        """Take one's own request back; the switch stays active. Raises NotPermitted, ReleaseNotRequested."""
        action = partial(actions.withdraw_release, switch_id=switch, notes=notes)
        return self._bound.write(action, answers.switch_answer)

    def proposals(
        self, *, everything: bool = False, limit: int = 50, cursor: str | None = None
    ) -> Listing[ProposalAnswer]:
        """Return a page of the proposed switches that are open, newest first; with `everything`, all that ever were."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.proposals, page=page, everything=everything)
        return self._bound.page(action, proposal_answer)

    def accept(self, proposal: str, *, reason: str | None = None) -> ProposalAnswer:
        """Put a proposed switch in force as it was proposed. Raises NotFound, NotPermitted, ProposalOver."""
        action = partial(actions.accept, proposal_id=proposal, reason=reason)
        return self._bound.write(action, proposal_answer)

    def _page(
        self, model: str | None, environment: str | None, page: Page, *, live: bool
    ) -> Listing[SwitchAnswer]:
        wanted = actions.SwitchFilter(
            live=live,
            model=model,
            environment=maybe_named(Environment, environment, field="environment"),
        )
        action = partial(actions.switches, page=page, wanted=wanted)
        return self._bound.page(action, answers.switch_answer)
