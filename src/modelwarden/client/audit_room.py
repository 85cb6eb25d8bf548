"""The remote SDK's room of the ledger: search, verify, prove, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelwarden.client.export import save_export
from modelwarden.client.held import held_to_memory
from modelwarden.client.remembered import Memory
from modelwarden.client.transport import path
from modelwarden.values.answers import (
    CheckpointAnswer,
    EntryAnswer,
    ExportAnswer,
    MirrorAnswer,
    ProofAnswer,
    VerificationAnswer,
)
from modelwarden.values.pages import Listing, Page
from modelwarden.values.privacy import ErasureAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from os import PathLike

    from modelwarden.client.calls import Calls


class Audit:
    """The ledger: what happened, and the proof of it."""

    def __init__(self, calls: Calls, *, memory: Path | None = None) -> None:
        self._calls, self._memory = calls, Memory(memory)

    def search(  # noqa: PLR0913  # the filters of LG-40
        self,
        *,
        actor: str | None = None,
        subject: str | None = None,
        type: str | None = None,  # noqa: A002  # the field's name
        severity: str | None = None,
        outcome: str | None = None,
        tag: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        first: int | None = None,
        last: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[EntryAnswer]:
        """Return a page of entries, newest first. Raises FilterInvalid, NotPermitted."""
        wanted = {
            "actor": actor,
            "subject": subject,
            "type": type,
            "severity": severity,
            "outcome": outcome,
            "tag": tag,
            "since": since,
            "until": until,
            "first": first,
            "last": last,
        }
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(EntryAnswer, path("audit-log"), page, wanted)

    def show(self, seq: int) -> EntryAnswer:
        """Return one entry with its hashes. Raises NotFound."""
        return self._calls.read(EntryAnswer, path("audit-log", str(seq)))

    def history(
        self, model: str, version: str | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[EntryAnswer]:
        """Return what happened to a model or version, newest first; reading the model is enough for it."""
        of_version = () if version is None else ("versions", version)
        where = path("models", model, *of_version, "history")
        return self._calls.page(EntryAnswer, where, Page(limit=limit, cursor=cursor))

    def verify(  # noqa: PLR0913  # what is asked for, how deep, by which keys
        self,
        first: int = 0,
        last: int | None = None,
        *,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        strict: bool = False,
        state: bool = False,
        checkpoint_keys: Sequence[str] = (),
        jobs: int | None = 1,  # noqa: ARG002  # the embedded room's
        progress: Callable[[int, int], None] | None = None,  # noqa: ARG002  # the embedded room's
    ) -> VerificationAnswer:
        """Verify a range, or the entries of a time, ends included; the result is itself recorded.

        Its truth value is `ok`, its `steps` say what was proved. What this client knew of the ledger before has to be
        its beginning (LG-31). `jobs` and `progress` are for a ledger in this process: a server verifies in its own.
        """
        query = {
            "first": first,
            "last": last,
            "since": since,
            "until": until,
            "strict": strict or None,
            "state": state or None,
            "checkpoint_keys": ",".join(checkpoint_keys) or None,
        }
        found = self._calls.read(VerificationAnswer, path("audit-log", "verify"), query)
        return held_to_memory(self, found, url=self._calls.transport.url, memory=self._memory)

    def checkpoint(self) -> CheckpointAnswer:
        """Return a checkpoint over all that is committed, signed now. Raises NotPermitted."""
        return self._calls.read(CheckpointAnswer, path("audit-log", "checkpoint"))

    def prove(self, seq: int) -> ProofAnswer:
        """Return the proof that an entry is in the ledger, to be mailed to an auditor."""
        return self._calls.read(ProofAnswer, path("audit-log", "proof", str(seq)))

    def consistency(self, old: int, new: int | None = None) -> str:
        """Return the proof that the ledger of size `old` is the beginning of a later one. Raises SizeUnknown."""
        query = {"from": old, "to": new}
        return self._calls.fetch(path("audit-log", "consistency"), query).content.decode()

    def keys(self) -> tuple[str, ...]:
        """Return the keys that sign checkpoints, as text to pin."""
        return self._calls.read_all(str, path("audit-log", "keys"))

    def export(  # noqa: PLR0913  # which entries, and where they go
        self,
        output: str | PathLike[str],
        *,
        first: int = 0,
        last: int | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        zipped: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> ExportAnswer:
        """Write a range, or the entries of a time, to a folder or zip that verifies alone; that it left is recorded."""
        asked = {"first": first, "last": last, "since": since, "until": until}
        return save_export(self._calls, output, asked=asked, zipped=zipped, progress=progress)

    def erase(
        self, user: str, *, basis: str, reason: str, scope: str = "identity"
    ) -> ErasureAnswer:
        """Erase a person, as two people agreed; `scope="authored"` takes what they wrote too.

        Raises PermitNeeded, PayloadChanged, AccountActive, AlreadyErased, NotPermitted.
        """
        body = {"user": user, "basis": basis, "reason": reason, "scope": scope}
        return self._calls.write(ErasureAnswer, path("erasures"), body)

    def erasures(self, *, limit: int = 50, cursor: str | None = None) -> Listing[ErasureAnswer]:
        """Return a page of erasures, newest first, those that wait for a hold too."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(ErasureAnswer, path("erasures"), page)

    def tiles(
        self, output: str | PathLike[str], *, progress: Callable[[int], None] | None = None
    ) -> MirrorAnswer:
        """Write the ledger as a static log (C2SP tlog-tiles); called again, what is new. Raises NotPermitted."""
        from modelwarden.sinks.mirror import mirror  # noqa: PLC0415  # locks files, which not every system can

        self.checkpoint()  # signs what is committed

        def fetch(place: str) -> bytes:
            return self._calls.fetch(path("audit-log", "tiles", *place.split("/"))).content

        return mirror(fetch, Path(output), progress=progress)
