"""The versions that a host has loaded, held against those that the snapshot approves (SG-31, SG-32).

A digest is taken when a version is named, from the artifact that was loaded. One that differs from the approved digest,
or that is not deployed here, is not served. A version named without an artifact is shown as unverified and served.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.router import Routed, choose, divert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.guard.match import Match
    from modelwarden.guard.snapshot import Snapshot

MISMATCH: Final = "artifact_mismatch"
NOT_DEPLOYED: Final = "not_deployed"
NOT_LOADED: Final = "not_loaded"
_CHUNK: Final = 1024 * 1024


class Loaded(NamedTuple):
    """A version that can answer here; the digest is None where no artifact was named."""

    function: Callable[..., Any]
    sha256: str | None


class Versions:
    """The versions of one guard. Reading takes no lock: adding one replaces the whole.

    Attributes:
        loaded: what is named, by label.
    """

    def __init__(self) -> None:
        self.loaded: dict[str, Loaded] = {}

    def add(
        self, label: str, function: Callable[..., Any], *, artifact: str | Path | None = None
    ) -> None:
        """Name a version that is loaded. Reads the whole artifact. Raises OSError, ValueInvalid."""
        if not label or not callable(function):
            raise ValueInvalid("version", "a label, and the function that predicts by it")
        digest = None if artifact is None else _digest(Path(artifact))
        self.loaded = {**self.loaded, label: Loaded(function, digest)}

    def reported(self) -> list[dict[str, str | None]]:
        """Return what the server is told; an unverified version has no digest."""
        return [
            {"label": label, "sha256": one.sha256} for label, one in sorted(self.loaded.items())
        ]

    def problem(self, label: str | None, snapshot: Snapshot | None) -> str | None:
        """Return why a loaded version must not answer, or None. What is not named here is not judged."""
        one = None if label is None else self.loaded.get(label)
        if one is None or snapshot is None:
            return None
        for approved in snapshot.versions:
            if approved.label == label:
                return MISMATCH if one.sha256 not in {None, approved.sha256} else None
        return NOT_DEPLOYED

    def served(self, snapshot: Snapshot | None) -> Mapping[str, Callable[..., Any]]:
        """Return the functions of the versions that may answer, by label."""
        return {
            label: one.function
            for label, one in self.loaded.items()
            if self.problem(label, snapshot) is None
        }

    def baselines(self, snapshot: Snapshot | None) -> Mapping[str, Callable[..., Any]]:
        """Return the functions of the versions that are approved as baselines (SG-37)."""
        if snapshot is None or not self.loaded:
            return {}
        approved = {one.label for one in snapshot.versions if one.is_baseline}
        return {n: f for n, f in self.served(snapshot).items() if n in approved}

    def routed(
        self,
        snapshot: Snapshot,
        *,
        key: object,
        instance: str,
        match: Callable[[str], Match],
    ) -> tuple[Routed, Callable[..., Any] | None] | None:
        """Return which version answers and its function; None without a route, or where no version is named here.

        The function is None where not even the stable version may answer.
        """
        route = snapshot.route
        if route is None or not self.loaded:
            return None
        served = self.served(snapshot)
        routed = choose(route, key=key, instance=instance, loaded=served)
        routed, _ = divert(route, routed, loaded=served, match=match)
        return routed, served.get(routed.version)


def _digest(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            found.update(piece)
    return found.hexdigest()
