"""A check as it governs one environment, and what there is to hold against it (EVAL-1 to EVAL-4). Pure.

A `Situation` holds every value that an evaluation reads: it is kept with the check run, so that the run can be
computed again from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.values.canonical import encode_any, parse
from modelwarden.values.clock import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from modelwarden.policies.predicate import Json

EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
ALTERED: Final[Mapping[str, Any]] = MappingProxyType({"altered": True})
"""The value of evidence whose row has another digest than it was recorded with."""
BLOCK: Final = "block"
RANK: Final[Mapping[str, int]] = MappingProxyType({"info": 0, "warn": 1, BLOCK: 2})
"""Severities and enforcements, weakest first; `observe` ranks as `info`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of one governing policy.

    Attributes:
        policy: the policy that wants it, as `name@version`.
        params: plain values, as the type's shape has checked them.
        on_unknown: what an unknown counts as: `block`, `warn` or `info`.
        max_age: how old the evidence may be; None asks for no age.
        witness: whether evidence counts only from somebody who had no part in the version (EV-3).
        skip: why it does not apply here.
        enforcement: of its policy, here: `block`, `warn` or `observe` (RL-12).
    """

    policy: str
    id: str
    type: str
    params: Mapping[str, Json]
    severity: str = BLOCK
    on_unknown: str = BLOCK
    max_age: timedelta | None = None
    witness: bool = False
    skip: str | None = None
    enforcement: str = BLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One piece of evidence as an evaluation reads it.

    Attributes:
        id: of the stored evidence, or what the product itself knows, as `drill:drl_…`.
        version: whose it is, as `model@label`; "" where it is the model's, or everybody's.
        produced_at: in the one text form.
        witness: whether whoever recorded it had no part in the version.
    """

    id: str
    kind: str
    version: str
    produced_at: str
    value: Mapping[str, Json]
    witness: bool = False

    @property
    def is_altered(self) -> bool:
        """Tell whether its row is not what was recorded: then nothing of its kind can be trusted here."""
        return self.value == ALTERED

    @property
    def at(self) -> datetime:
        """Return when it was produced. Raises ValueError where that is no time."""
        return moment(self.produced_at)


class Waiver(NamedTuple):
    """Leave to go live although one check does not pass, as its people signed it (EVAL-5).

    Attributes:
        check: `name@version/id`: the policy that wants it, and which.
        request: the approval request that gave it.
        until: in the one text form; from then on it counts no more.
    """

    check: str
    request: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that checks of one version in one environment read.

    Attributes:
        version: `model@label`.
        fields: field → value (`policies.fields`); what has no value is absent.
        datasets: role → fingerprints that are registered in it.
        baselines: `live` or a label → the version that it means here; absent where there is none.
        exhibits: newest first.
        waivers: those in force, whose signatures whoever gathered them has verified.
    """

    version: str
    fields: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    datasets: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: EMPTY)
    baselines: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    exhibits: tuple[Exhibit, ...] = ()
    waivers: tuple[Waiver, ...] = ()

    @property
    def text(self) -> str:
        """Return this situation as canonical JSON."""
        return encode_any(
            {
                "version": self.version,
                "fields": dict(self.fields),
                "datasets": {role: list(of) for role, of in self.datasets.items()},
                "baselines": dict(self.baselines),
                "exhibits": [
                    {
                        "id": each.id,
                        "kind": each.kind,
                        "version": each.version,
                        "produced_at": each.produced_at,
                        "value": dict(each.value),
                        "witness": each.witness,
                    }
                    for each in self.exhibits
                ],
                # Only where there are some: runs from before there were waivers keep their bytes.
                **({"waivers": [each._asdict() for each in self.waivers]} if self.waivers else {}),
            }
        ).decode()

    def of(self, kind: str, *, version: str | None = None) -> list[Exhibit]:
        """Return the exhibits of a kind about a version, this one unless another is named, newest first.

        Raises ValueError where one of them was altered.
        """
        wanted = self.version if version is None else version
        found = [each for each in self.exhibits if each.kind == kind and each.version == wanted]
        if altered := next((each.id for each in found if each.is_altered), None):
            raise ValueError(f"{altered} was altered; verify the ledger")
        return found


def witnessed(read: Situation) -> Situation:
    """Return a situation with the evidence alone that a person recorded who had no part in the version."""
    kept = tuple(each for each in read.exhibits if each.witness or each.is_altered)
    return replace(read, exhibits=kept)


def situation(text: str) -> Situation:
    """Return a situation that was kept as `Situation.text`."""
    tree: Any = parse(text.encode(), floats=True)
    return Situation(
        version=tree["version"],
        fields=tree["fields"],
        datasets={role: tuple(of) for role, of in tree["datasets"].items()},
        baselines=tree["baselines"],
        exhibits=tuple(Exhibit(**each) for each in tree["exhibits"]),
        waivers=tuple(Waiver(**each) for each in tree.get("waivers", ())),
    )


def at_text(at: datetime) -> str:
    """Return a moment as exhibits hold it."""
    return timestamp(at)
