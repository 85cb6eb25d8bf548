"""The part of a guard that judges answers of which there are many: batches, and ensembles (SG-28, SG-45)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.breaker import Thresholds
from modelwarden.guard.decision import Decision
from modelwarden.guard.picking import check_names
from modelwarden.guard.place import Options
from modelwarden.guard.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.batch import Batch
    from modelwarden.guard.contract import Contract
    from modelwarden.guard.ensemble import Metric
    from modelwarden.guard.freshness import Fresh
    from modelwarden.guard.site import Site

KEY: Final = "key"


class Many(Standing):
    """Judges batches, and ensembles."""

    _bound: Mapping[str, object]
    _outputs: Contract | None
    _sites: dict[object, Site]

    def batch(
        self,
        values: Any,  # noqa: ANN401 - any batch
        *,
        key: Any = None,  # noqa: ANN401 - any column
        context: Mapping[str, Any] | None = None,
        version: str | None = None,
        features: Any = None,  # noqa: ANN401 - any table
        fresh: Fresh | None = None,
    ) -> Batch:
        """Judge answers to many rows that were computed elsewhere, each as its call would be (SG-28).

        Args:
            values: a list, or a column or table of numpy, pandas, polars or Arrow; it is not changed.
            key: a column of keys, to remember good answers and fall back to them.
            context: by dimension a column, or one value for all rows.
            version: the version that answered.
            features: the table that it answered; counted for drift where the version has edges (SG-49).
            fresh: how old the inputs may be, by a time of the context or the features (SG-44).

        Raises:
            PredictionBlocked: the contract asks to raise.
            ValueInvalid: columns of the context have different numbers of rows.
            TypeError: the values are no batch.
        """
        if context:
            check_names(context)
        site = self._sites.get("batch") or self._site("batch")
        if site.batches is None:
            from modelwarden.guard.batch import Batches  # noqa: PLC0415 - most hosts have no batches

            site.batches = Batches(site)
        return site.batches.judge(
            values, key=key, context=context, version=version, features=features, fresh=fresh
        )

    def ensemble(
        self,
        answers: Mapping[str, Any],
        *,
        limit: float,
        metric: Metric | str = "spread",
        weights: Mapping[str, float] | None = None,
        key: Any = None,  # noqa: ANN401 - a key, or a column of them
        context: Mapping[str, Any] | None = None,
    ) -> Decision | Batch:
        """Join what the members of an ensemble answered; where they lie apart, fall back (SG-45).

        One answer of each member is judged as a call, and makes a decision; a column of each makes a batch.

        Args:
            answers: by member; None, an exception or no finite number is a member that failed, and is left out.
            limit: members lie apart above it; fewer than two always do.
            metric: `spread`, `std` or `vote_entropy`; `Ensemble` says how each is computed.
            weights: by member; 1 unless given.
            key: the caller's, or a column of them.
            context: by dimension one value, or for batches a column.

        Raises:
            ValueInvalid: limit, metric or weights mean nothing.
            PredictionBlocked: the contract asks to raise.
        """
        from modelwarden.guard.ensemble import Ensemble  # noqa: PLC0415 - most hosts have none
        from modelwarden.guard.ensemble_calls import judged  # noqa: PLC0415

        given = {} if context is None else context
        check_names(given)
        joined = Ensemble(limit=limit, metric=metric, weights=weights)
        found = judged(self._site("ensemble"), joined, answers, key=key, context=given)
        if isinstance(found, Decision):
            self._parts.last.kept = found
        return found

    def _site(self, what: str) -> Site:
        """Return the place of calls that name all by keyword."""
        found = self._sites.get(what)
        if found is None:
            breaker = Thresholds() if what == "call" else None
            options = Options(outputs=self._outputs, key=KEY, breaker=breaker)
            site = self._parts.open_site(options, self._bound, version=self._bound.get("version"))
            found = self._sites.setdefault(what, site)
        return found
