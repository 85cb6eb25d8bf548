"""What each key of the source documents' configuration means for a policy (POL-8). Pure.

A key without a counterpart is a problem with path and line, unless it was named to be left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.router import Strategy
from modelwarden.policies.built_in import PRESETS
from modelwarden.policies.rollout import NAMED
from modelwarden.policies.seats import MOST_HUMANS
from modelwarden.values.ids import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.policies.reading import Path, Source

PERSON: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
LONGEST_NAME: Final = 64
LONGEST_WORDS: Final = 500
UNKNOWN: Final = "no such key in the files that can be translated"
NOT_YET: Final[Mapping[str, str]] = MappingProxyType(
    {
        "auto": "no seat fills itself in this release",
        "frameworks": "this release has no catalogue of frameworks to hold it to",
        "documents": "this release has no model cards and data sheets to ask for",
        "fairness": "this release has no fairness check",
        "audits": "this release has no audits that fall due",
        "reproduced": "this release can't reproduce a training run",
    }
)
"""Why a key of the source can't be translated."""


@dataclass(slots=True)
class Translation:
    """What was understood so far."""

    source: Source
    leave_out: frozenset[str]
    used: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    name: str | None = None
    description: str = ""
    level: str | None = None
    humans: tuple[Path, int] | None = None
    choices: list[dict[str, str]] = field(default_factory=list)
    chosen_at: Path | None = None
    external: dict[str, str] = field(default_factory=dict)
    strategy: tuple[Path, str] | None = None
    back: list[Any] = field(default_factory=list)
    datasets: bool = False

    @property
    def top(self) -> Mapping[str, Callable[[Path, Any], None]]:
        """Return what may stand at the top of a file: its sections, or the fields of a policy itself."""
        return {
            **self._fields(),
            "governance": lambda path, item: self.section(path, item, self._fields()),
            "compliance": lambda path, item: self.section(path, item, self._compliance()),
            "immutable_audit": self._sinks,
            "model_lineage": lambda path, item: self.section(path, item, self._lineage()),
            "release_approval": lambda path, item: self.section(path, item, self._release()),
        }

    def section(
        self, path: Path, item: object, known: Mapping[str, Callable[[Path, Any], None]]
    ) -> None:
        """Hand each key of a mapping to what understands it."""
        if not isinstance(item, dict):
            self.source.blame(path, "a mapping of keys to values")
            return
        for key, value in item.items():
            inner = (*path, key)
            if not self._is_left_out(inner):
                known.get(key, self._refuse(UNKNOWN))(inner, value)

    def _fields(self) -> dict[str, Callable[[Path, Any], None]]:
        auto = self._unless_empty(NOT_YET["auto"])
        return {
            "name": self._named,
            "description": self._described,
            "compliance_level": self._leveled,
            "required_approvers": self._required,
            "approval_roles": self._roles,
            "auto_approval_conditions": auto,
            "auto_approve_conditions": auto,
            "deployment_strategy": self._deployed_by,
            "rollback_conditions": self._taken_back,
            "fairness_config": self._unless_empty(NOT_YET["fairness"]),
        }

    def _compliance(self) -> dict[str, Callable[[Path, Any], None]]:
        documents = dict.fromkeys(
            (
                "model_card_required",
                "data_sheet_required",
                "algorithm_explanation",
                "performance_benchmarks",
                "limitations_disclosure",
            ),
            self._unless_false(NOT_YET["documents"]),
        )
        audit = {
            "log_all_changes": self._always,
            "change_approval_required": self._always,
            "periodic_audits": self._refuse(NOT_YET["audits"]),
        }
        return {
            "regulations": self._regulations,
            "documentation": lambda path, item: self.section(path, item, documents),
            "audit": lambda path, item: self.section(path, item, audit),
            "fairness_config": self._unless_empty(NOT_YET["fairness"]),
        }

    def _lineage(self) -> dict[str, Callable[[Path, Any], None]]:
        return {
            "enabled": self._always,
            "require_dataset_hashes": self._dataset_hashes,
            "require_reproducibility": self._unless_false(NOT_YET["reproduced"]),
        }

    def _release(self) -> dict[str, Callable[[Path, Any], None]]:
        deployment = {"minimum_approvals": self._required, "approval_groups": self._roles}
        kinds = {"MODEL_DEPLOYMENT": lambda p, item: self.section(p, item, deployment)}
        return {
            "github_enabled": self._enabled,
            "servicenow_enabled": self._enabled,
            "approval_policies": lambda path, item: self.section(path, item, kinds),
        }

    def _named(self, path: Path, item: object) -> None:
        slug = re.sub(r"[^a-z0-9]+", "-", item.lower()).strip("-") if isinstance(item, str) else ""
        if not slug or len(slug) > LONGEST_NAME:
            self.source.blame(path, f"a name of 1 to {LONGEST_NAME} letters and digits")
        self.name = slug or None

    def _described(self, path: Path, item: object) -> None:
        if not isinstance(item, str):
            self.source.blame(path, "text")
            return
        words = " ".join(item.split())[:LONGEST_WORDS]
        self.description = "".join(each for each in words if each.isprintable())

    def _leveled(self, path: Path, item: object) -> None:
        if item in PRESETS:
            self.level = str(item)
        else:
            self.source.blame(path, f"one of {', '.join(PRESETS)}")

    def _required(self, path: Path, item: object) -> None:
        if self.humans is not None:
            self.source.blame(path, "how many have to agree is said twice")
        elif isinstance(item, list):
            self._choose(path, "person", item, PERSON)
            self.humans = (path, len(item))
        elif isinstance(item, bool) or not isinstance(item, int) or not 1 <= item <= MOST_HUMANS:
            self.source.blame(path, f"a whole number from 1 to {MOST_HUMANS}, or names")
        else:
            self.humans = (path, item)

    def _roles(self, path: Path, item: object) -> None:
        self._choose(path, "role", item, NAME)

    def _choose(self, path: Path, kind: str, item: object, form: re.Pattern[str]) -> None:
        if self.chosen_at is not None:
            self.source.blame(path, "who has to agree is said twice")
            return
        self.chosen_at = path
        if not isinstance(item, list) or not 1 <= len(item) <= MOST_HUMANS:
            self.source.blame(path, f"a list of 1 to {MOST_HUMANS} names")
            return
        for number, each in enumerate(item):
            choice = {kind: each}
            if not isinstance(each, str) or not form.fullmatch(each):
                self.source.blame((*path, number), f"a {kind}: text that matches {form.pattern}")
            elif choice in self.choices:
                self.source.blame((*path, number), f"the {kind} stands there twice")
            else:
                self.choices.append(choice)

    def _deployed_by(self, path: Path, item: object) -> None:
        word = item.lower().replace("-", "_") if isinstance(item, str) else ""
        if word in set(Strategy):
            self.strategy = (path, word)
        else:
            self.source.blame(path, f"one of {', '.join(Strategy)}")

    def _taken_back(self, path: Path, item: object) -> None:
        if isinstance(item, list):
            self._taken_back_by_name(path, item)
            return
        limits = {
            "error_rate_spike": lambda p, v: self._limit(p, v, "error_rate", "above_baseline", 0),
            "performance_degradation": lambda p, v: self._limit(
                p, v, "latency", "above_baseline_times", 1
            ),
        }
        self.section(path, item, limits)

    def _taken_back_by_name(self, path: Path, names: list[object]) -> None:
        for number, each in enumerate(names):
            if isinstance(each, str) and each in NAMED:
                self.back.append(each)
            else:
                self.source.blame((*path, number), f"one of {', '.join(NAMED)}")

    def _limit(self, path: Path, item: object, metric: str, against: str, above: int) -> None:
        if isinstance(item, bool) or not isinstance(item, int | float) or not 0 <= item <= 1:
            self.source.blame(path, "a part from 0 to 1")
        else:
            self.back.append({"metric": metric, against: round(above + item, 9)})

    def _regulations(self, path: Path, item: object) -> None:
        named = item if isinstance(item, dict) else {}
        self.section(path, item, dict.fromkeys(named, self._unless_false(NOT_YET["frameworks"])))

    def _dataset_hashes(self, path: Path, item: object) -> None:
        self.datasets = self._flag(path, item) is True

    def _enabled(self, path: Path, item: object) -> None:
        if self._flag(path, item):
            self.external[str(path[-1]).removesuffix("_enabled")] = "required"

    def _always(self, path: Path, item: object) -> None:
        if item is True:
            self.notes.append(f"always so: {_words(path)}")
        else:
            self.source.blame(path, "it is always so here; take the line out, or say true")

    def _sinks(self, path: Path, item: object) -> None:
        """Note the copies of the ledger as settings: they are the server's, not a policy's."""
        buckets = {"bucket_name": self._bucket, "retention_years": self._retained}
        known = {
            "s3_worm_enabled": self._told,
            "s3_config": lambda p, each: self.section(p, each, buckets),
            "kafka_enabled": self._told,
            "kafka_config": lambda p, each: self.section(p, each, {"topic": self._topic}),
        }
        before = len(self.settings)
        self.section(path, item, known)
        if not isinstance(item, dict):
            return
        for copy in ("s3_worm", "kafka"):
            part = f"{copy.partition('_')[0]}_config"
            if item.get(f"{copy}_enabled") is not True and part in item:
                self.source.blame(
                    (*path, part), f"{copy}_enabled is not true; take one of them out"
                )
            if item.get(f"{copy}_enabled") is True and part not in item:
                self.source.blame((*path, f"{copy}_enabled"), f"it needs {part} beside it")
        if len(self.settings) > before:
            self.settings.insert(before, "sinks:")

    def _bucket(self, path: Path, item: object) -> None:
        if isinstance(item, str) and re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", item):
            self.settings.append(f"  - s3://{item}/ledger?region=REGION&name=s3")
        else:
            self.source.blame(path, "the name of a bucket")

    def _retained(self, path: Path, item: object) -> None:
        if isinstance(item, bool) or not isinstance(item, int) or not 1 <= item <= 100:  # noqa: PLR2004  # years
            self.source.blame(path, "years, from 1 to 100")
        else:
            self.notes.append(
                f"keep the bucket's Object Lock at {item} years, as a default of the bucket"
            )

    def _topic(self, path: Path, item: object) -> None:
        if isinstance(item, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,249}", item):
            self.settings.append(f"  - kafka://HOST:9092/{item}")
        else:
            self.source.blame(path, "the name of a topic")

    def _told(self, path: Path, item: object) -> None:
        self._flag(path, item)

    def _flag(self, path: Path, item: object) -> bool | None:
        if isinstance(item, bool):
            return item
        self.source.blame(path, "true or false")
        return None

    def _unless_false(self, why: str) -> Callable[[Path, Any], None]:
        def handle(path: Path, item: object) -> None:
            if self._flag(path, item):
                self._refuse(why)(path, item)

        return handle

    def _unless_empty(self, why: str) -> Callable[[Path, Any], None]:
        return lambda path, item: None if item in ({}, None) else self._refuse(why)(path, item)

    def _refuse(self, why: str) -> Callable[[Path, Any], None]:
        return lambda path, _: self.source.blame(path, f"{why}; leave it out by its path")

    def _is_left_out(self, path: Path) -> bool:
        words = _words(path)
        if words not in self.leave_out:
            return False
        self.used.add(words)
        self.notes.append(f"left out: {words}")
        return True


def _words(path: Path) -> str:
    return ".".join(str(part) for part in path)
