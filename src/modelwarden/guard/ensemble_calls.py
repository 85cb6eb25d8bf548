"""Answers of an ensemble on their way through a guard: joined where they agree, else the chain answers (SG-45)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwarden.guard.answering import asked, decided
from modelwarden.guard.batch import Batch, Batches
from modelwarden.guard.batch_context import KEY, is_column
from modelwarden.guard.begun import Verdict
from modelwarden.guard.signals import DISAGREEMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.decision import Decision
    from modelwarden.guard.ensemble import BatchAgreement, Ensemble
    from modelwarden.guard.site import Site


def judged(
    site: Site,
    ensemble: Ensemble,
    answers: Mapping[str, Any],
    *,
    key: Any,  # noqa: ANN401 - a key, or a column of them
    context: Mapping[str, Any],
) -> Decision | Batch:
    """Judge one answer of each member, or a column of each; what is no column then is a member that failed whole."""
    several = {name: answer for name, answer in answers.items() if is_column(answer)}
    if several:
        return _rows(site, ensemble.judge_batch(several), key=key, context=context)
    begun = site.begin((), {**context, KEY: key})
    if begun.verdict is Verdict.GO:
        if begun.struck is not None:
            begun.struck.wait()
        found = ensemble.judge(answers)
        if found.over:
            site.valueless(begun, DISAGREEMENT)
        else:
            site.end(begun, found.value)
        site.place.watches.agreed.count(hits=int(DISAGREEMENT in begun.reasons))
    answer = None
    if begun.verdict is Verdict.FALL:
        answer = site.place.chain.answer(asked(site, begun, with_inputs=False))
    return decided(site, begun, answer)


def _rows(
    site: Site,
    found: BatchAgreement,
    *,
    key: Any,  # noqa: ANN401 - as above
    context: Mapping[str, Any],
) -> Batch:
    if site.batches is None:
        site.batches = Batches(site)
    apart = int(found.over.sum())
    site.place.watches.agreed.count(len(found.over), hits=apart)
    return site.batches.judge(
        found.values, key=key, context=context, apart=found.over if apart else None
    )
