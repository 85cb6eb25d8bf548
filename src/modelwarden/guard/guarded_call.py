"""A guard around a block of code, where a decorator does not fit (SG-24).

    with guard.call(region="eu", key=customer) as call:
        if call.proceeds:
            call.value = model.predict(features)
    call.decision

A block whose call must not be made is entered all the same, since a `with` can't skip it; what it sets then is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from modelwarden.guard.answering import asked, decided
from modelwarden.guard.begun import Begun, Verdict
from modelwarden.guard.decision import Decision, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from modelwarden.guard.fallback import Answer
    from modelwarden.guard.protect import Last
    from modelwarden.guard.site import Site

MISSING_VALUE: Final = "no_value"
_UNSET: Final = object()


class GuardedCall:
    """One call. For one thread or task; use it once.

    Attributes:
        value: set it to what the model answered.
    """

    def __init__(self, site: Site, context: Mapping[str, object], *, last: Last) -> None:
        self.value: object = _UNSET
        self._site = site
        self._context = context
        self._last = last
        self._begun: Begun | None = None
        self._decision: Decision | None = None

    @property
    def proceeds(self) -> bool:
        """Say whether the model is to be asked."""
        return self._begun is not None and self._begun.verdict is Verdict.GO

    @property
    def decision(self) -> Decision:
        """The decision, once the block has ended. Raises RuntimeError before."""
        if self._decision is None:
            raise RuntimeError("a guarded call has its decision after its block")
        return self._decision

    def __enter__(self) -> Self:
        self._begun = self._site.begin((), self._context)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self.proceeds and self._begun is not None and self._begun.struck is not None:
            self._begun.struck.wait()
        begun = self._ended(error)
        if begun is None:
            return False
        answer = None
        if begun.verdict is Verdict.FALL:
            answer = self._site.place.chain.answer(asked(self._site, begun, with_inputs=False))
        return self._decided(begun, answer, error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self.proceeds and self._begun is not None and self._begun.struck is not None:
            await self._begun.struck.wait_async()
        begun = self._ended(error)
        if begun is None:
            return False
        answer = None
        if begun.verdict is Verdict.FALL:
            question = asked(self._site, begun, with_inputs=False)
            answer = await self._site.place.chain.answer_async(question)
        return self._decided(begun, answer, error)

    def _ended(self, error: BaseException | None) -> Begun | None:
        """Return the call with its verdict; None where what was raised passes through."""
        begun = self._begun
        if begun is None or (error is not None and not isinstance(error, Exception)):
            if begun is not None:
                self._site.leave(begun)
            return None
        if begun.verdict is not Verdict.GO:
            return begun if error is None else None
        if isinstance(error, Exception):
            return self._site.raised(begun, error)
        if self.value is _UNSET:
            return self._site.valueless(begun, MISSING_VALUE)
        return self._site.end(begun, self.value)

    def _decided(self, begun: Begun, answer: Answer | None, error: BaseException | None) -> bool:
        self._decision = decision = decided(self._site, begun, answer)
        self._last.kept = decision
        self.value = decision.value
        return error is not None and (decision.status is not Status.BLOCKED or begun.match.diverts)
