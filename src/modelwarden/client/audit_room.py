"""The remote SDK's room of the ledger: search, verify, prove, export."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.client.decode import decode
from modelwarden.client.export import save_export, save_table
from modelwarden.client.held import held_to_memory
from modelwarden.client.remembered import Memory
from modelwarden.client.transport import Call, body_of, path
from modelwarden.values.answers import (
    AppendAnswer,
    CheckpointAnswer,
    EntryAnswer,
    ExportAnswer,
    MirrorAnswer,
    ProofAnswer,
    ReceiptAnswer,
    RecordAnswer,
    VerificationAnswer,
)
from modelwarden.values.external import as_sent
from modelwarden.values.pages import Listing, Page
from modelwarden.values.privacy import ErasureAnswer, UnlockAnswer
from modelwarden.values.report import ReportAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from modelwarden.client.calls import Calls


ENDINGS: Final = MappingProxyType({".html": "html", ".htm": "html", ".md": "md"})
"""In which form a report is written; JSON otherwise."""


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
        component: str | None = None,
        text: str | None = None,
        include_texts: bool = False,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        first: int | None = None,
        last: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[EntryAnswer]:
        """Return a page of entries, newest first. Raises FilterInvalid, NotPermitted, SearchTooWide.

        `text` finds words that stand openly, and phrases in double quotes; `indexed_to` says how many entries it knows.
        `include_texts` opens erasable texts too: it takes `personal.read`, and the use is recorded.
        """
        wanted = {
            "actor": actor,
            "subject": subject,
            "type": type,
            "severity": severity,
            "outcome": outcome,
            "tag": tag,
            "component": component,
            "text": text,
            "include_texts": include_texts or None,
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

    def receipt(self, seq: int, *, wait_s: float = 0) -> ReceiptAnswer:
        """Return the receipt of an entry: its hashes and, once a checkpoint covers it, the proof of it.

        `wait_s` is how many seconds to wait for that checkpoint, at most 25; `proof` is None while there is none.
        Raises NotPermitted, NotFound, FilterInvalid.
        """
        query = {"wait": wait_s or None}
        return self._calls.read(ReceiptAnswer, path("audit-log", "receipt", str(seq)), query)

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
        format: str = "folder",  # noqa: A002  # the field's name
        progress: Callable[[int], None] | None = None,
    ) -> ExportAnswer:
        """Write a range, or the entries of a time, to a folder or zip that verifies alone; that it left is recorded.

        In the formats jsonl, csv, parquet and cloudevents it is one file for other programs, and beside it
        stands a signed manifest that ties it to the ledger.
        """
        asked = {"first": first, "last": last, "since": since, "until": until}
        save = partial(save_export, zipped=zipped)
        if format != "folder":
            save = partial(save_table, form=format)
        return save(self._calls, output, asked=asked, progress=progress)

    def erase(
        self, user: str, *, basis: str, reason: str, scope: str = "identity"
    ) -> ErasureAnswer:
        """Erase a person, as two people agreed; `scope="authored"` takes what they wrote too.

        Raises PermitNeeded, PayloadChanged, AccountActive, AlreadyErased, NotPermitted.
        """
        body = {"user": user, "basis": basis, "reason": reason, "scope": scope}
        return self._calls.write(ErasureAnswer, path("erasures"), body)

    def unlock_texts(
        self, *, identity: Sequence[str] = (), authored: Sequence[str] = (), reason: str
    ) -> UnlockAnswer:
        """Erase these people again and open all other texts from before the ledger began anew, as two people agreed.

        Raises PermitNeeded, PayloadChanged, AccountActive, NotPermitted, NotFound where nothing is locked.
        """
        body = {"identity": list(identity), "authored": list(authored), "reason": reason}
        return self._calls.write(UnlockAnswer, path("texts", "unlock"), body)

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

    def report(
        self,
        start_date: datetime | str,
        end_date: datetime | str,
        output_path: str | PathLike[str] | None = None,
        *,
        format: str | None = None,  # noqa: A002  # the field's name
        as_of: int | None = None,
    ) -> ReportAnswer:
        """Return what happened in a period, and write it as JSON, HTML or Markdown (`md`), as the file's ending says.

        The same period and `as_of`, a size of the ledger, give the same bytes. Raises NotPermitted, FilterInvalid.
        """
        where = path("audit-log", "report")
        query = {"since": start_date, "until": end_date, "as_of": as_of}
        found = self._calls.read(ReportAnswer, where, query)
        if output_path is not None:
            form = format or ENDINGS.get(PurePath(output_path).suffix.lower(), "json")
            query |= {"as_of": found.as_of, "format": form}
            Path(output_path).write_bytes(self._calls.fetch(where, query).content)
        return found

    def record(  # noqa: PLR0913  # the fields of LG-55
        self,
        event_type: str,
        component: str,
        action: str,
        *,
        details: Mapping[str, Any] | None = None,
        severity: str = "INFO",
        compliance_tags: Sequence[str] = (),
        user_id: str | None = None,
        timestamp: datetime | str | None = None,
        ref: str | None = None,
    ) -> RecordAnswer:
        """Record what happened in another system. Raises RecordInvalid, RecordFromFuture, RecordConflict.

        Without a `ref` it gets one; with the same ref it is recorded once, however often it is sent.
        """
        record = as_sent(
            event_type=event_type,
            component=component,
            action=action,
            details=details,
            severity=severity,
            compliance_tags=compliance_tags,
            user_id=user_id,
            timestamp=timestamp,
            ref=ref,
        )
        return self.append([record]).records[0]

    def append(self, records: Sequence[Mapping[str, Any]]) -> AppendAnswer:
        """Record up to 1,000 records of another system, all or none. Raises as `record` does, and TooManyRecords."""
        content = b"\n".join(body_of(record) for record in records)
        call = Call(
            method="POST",
            path=path("audit-log"),
            headers={"Content-Type": "application/x-ndjson"},
            content=lambda: content,  # each record has its ref: the server takes it once
        )
        return decode(AppendAnswer, self._calls.transport.send(call).json())
