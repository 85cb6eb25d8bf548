"""Decorators: `@require_approval` lets a function have a model's files once the gate allows it (RL-46).

    @require_approval("release", model="churn", version=lambda artifact, label: label, environment="production")
    def serve(artifact, label): ...

`serve` gets, as `artifact`, a private copy that was compared with what people signed: whatever is put under the path
that its caller named, before, meanwhile or afterwards, changes nothing. Whatever can't be asked, read or recorded
refuses. `@governance_audit` (RL-45) is here too.
"""

from __future__ import annotations

import inspect
import logging
import re
import secrets
import shutil
import tempfile
from asyncio import to_thread
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeAlias, TypeVar, cast

from modelwarden.errors import ArtifactMismatch, ArtifactUnreadable, GateRefused, ValueInvalid
from modelwarden.fingerprints.artifact import Artifact, fingerprint
from modelwarden.integrations.governance_audit import governance_audit as governance_audit  # noqa: PLC0414  # its other name
from modelwarden.integrations.mlflow_model import connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from modelwarden.client.remote import Remote
    from modelwarden.warden.rooms import Rooms

    AnyRooms: TypeAlias = Rooms | Remote

P = ParamSpec("P")
R = TypeVar("R")

_NO_WORD: Final = re.compile(r"[^A-Za-z0-9_.-]+")
LOG: Final = logging.getLogger("modelwarden.decorators")


class ApprovalType(StrEnum):
    """What has to be approved: one thing, under its two names."""

    RELEASE = "release"
    MODEL_DEPLOYMENT = "MODEL_DEPLOYMENT"


def require_approval(  # noqa: PLR0913  # what is asked, and for what
    approval: str | ApprovalType,
    *,
    model: str | Callable[..., str],
    version: str | Callable[..., str],
    environment: str | Callable[..., str] = "production",
    artifact: str | Path | Callable[..., str | Path] | None = None,
    argument: str = "artifact",
    rooms: AnyRooms | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run a function only when the gate allows it, on a private copy of the approved files.

    Plain functions, `async` ones and generators of both kinds; a generator asks when it is first run, and keeps its
    copy until it ends. The copy goes when the function is done.

    Args:
        approval: `release`.
        model: its name; this and the next three may be functions of the call's arguments.
        version: its label.
        environment: where.
        artifact: where the files are; unless given, what the caller passes as `argument`.
        argument: name of the function's argument that gets the path of the copy.
        rooms: of the control plane; unless given, `MODELWARDEN_URL` and `MODELWARDEN_TOKEN` say which.

    A call raises, and the function does not run:
        GateRefused: with all reasons. ArtifactMismatch: other files than were approved. ArtifactUnreadable.
        Whatever says that the control plane can't be reached, or that the call can't be recorded (`audit.append`).
    """
    if approval not in set(ApprovalType):
        raise ValueInvalid("approval", "release")
    asked = {"model": model, "version": version, "environment": environment}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        if argument not in signature.parameters:
            raise TypeError(f"{function.__qualname__} has no argument {argument!r} for the copy")
        gate = _Gate(
            asked=asked,
            artifact=artifact,
            argument=argument,
            signature=signature,
            name=_NO_WORD.sub("", function.__qualname__)[-128:].lstrip("0123456789.-") or "call",
            rooms=rooms,
        )
        return cast("Callable[P, R]", _wrapped(function, gate))

    return decorate


def _wrapped(function: Callable[..., Any], gate: _Gate) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return _streamed(function, gate)
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def later(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as it is called
            passed = await to_thread(gate.enter, args, kwargs)
            with passed.ending():
                return await function(*passed.positional, **passed.arguments)

        return later
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def several(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as it is called
            passed = gate.enter(args, kwargs)
            with passed.ending():
                return (yield from function(*passed.positional, **passed.arguments))

        return several

    @wraps(function)
    def once(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as it is called
        passed = gate.enter(args, kwargs)
        with passed.ending():
            return function(*passed.positional, **passed.arguments)

    return once


def _streamed(function: Callable[..., Any], gate: _Gate) -> Callable[..., Any]:
    @wraps(function)
    async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # noqa: ANN401  # as it is called
        passed = await to_thread(gate.enter, args, kwargs)
        with passed.ending():
            async with aclosing(function(*passed.positional, **passed.arguments)) as inner:
                async for each in inner:
                    yield each

    return stream


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passed:
    """A call that was let pass, with its private copy."""

    positional: tuple[Any, ...]
    arguments: Mapping[str, Any]
    folder: Path
    record: Callable[[str], None]

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Record how the call ends, and delete the copy. That it began is on record already."""
        outcome = "failed"
        try:
            yield
            outcome = "done"
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            _try(self.record, outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gate:
    """What to ask before each call of one function."""

    asked: Mapping[str, str | Callable[..., str]]
    artifact: str | Path | Callable[..., str | Path] | None
    argument: str
    signature: inspect.Signature
    name: str
    rooms: AnyRooms | None

    def enter(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> _Passed:
        """Ask the gate, copy and compare, and record that the call begins. Raises what `require_approval` names."""
        bound = self.signature.bind_partial(*args, **kwargs)  # the copy may be the one that lacks
        asked = {name: _value(of, args, kwargs) for name, of in self.asked.items()}
        given = self.artifact if self.artifact is not None else bound.arguments.get(self.argument)
        source = _value(given, args, kwargs)
        if not isinstance(source, str | Path):
            raise ArtifactUnreadable(f"{self.name}: no path of the files of {asked['model']}")
        folder = Path(tempfile.mkdtemp(prefix="modelwarden-approved-"))  # mode 0700
        try:
            copy = self._let_pass(asked, Path(source), folder)
            self._record(asked, "begun")
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, GateRefused | ArtifactMismatch | ArtifactUnreadable):
                _try(self._record, asked, "refused")
            raise
        bound.arguments[self.argument] = copy
        return _Passed(
            positional=bound.args,
            arguments=bound.kwargs,
            folder=folder,
            record=lambda outcome: self._record(asked, outcome),
        )

    def _let_pass(self, asked: Mapping[str, str], source: Path, folder: Path) -> Path:
        with connected(self.rooms) as rooms:
            said = rooms.deployments.gate(
                asked["model"], asked["version"], environment=asked["environment"]
            )
            expected = set(rooms.versions.show(asked["model"], asked["version"]).fingerprints)
        if not said.allow:
            reasons = tuple(reason.code for reason in said.reasons)
            raise GateRefused(
                f"{asked['model']}@{asked['version']} may not go to {asked['environment']}: {', '.join(reasons)}",
                about=(("model", asked["model"]),),
                reasons=reasons,
            )
        copy = _copied(source, folder)
        seen = Artifact.of(fingerprint(copy, sha256_too=True))
        if not expected & {str(each) for each in seen.fingerprints}:
            raise ArtifactMismatch(
                f"{source} is not what was approved as {asked['model']}@{asked['version']}"
            )
        return copy

    def _record(self, asked: Mapping[str, str], outcome: str) -> None:
        record = {
            "ref": secrets.token_hex(16),
            "event_type": f"APPROVED_CALL_{outcome.upper()}",
            "component": "require_approval",
            "action": self.name,
            "details": dict(asked),
        }
        with connected(self.rooms) as rooms:
            rooms.audit.append([record])


def _try(record: Callable[..., None], *said: object) -> None:
    """Record what does not decide any more: what was done stays done, and what was refused stays refused."""
    try:
        record(*said)
    except Exception:  # the edge: see above
        LOG.exception("what became of an approved call could not be recorded")


def _value(of: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401  # whatever was given
    return of(*args, **kwargs) if callable(of) else of


def _copied(source: Path, folder: Path) -> Path:
    """Copy a file or folder as it is, links as links: reading it then refuses them. Raises ArtifactUnreadable."""
    copy = folder / (source.name or "artifact")
    try:
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True)
        else:
            shutil.copyfile(source, copy)
    except (OSError, shutil.Error, ValueError) as error:
        raise ArtifactUnreadable(f"{source} can't be copied: {error}") from error
    return copy
