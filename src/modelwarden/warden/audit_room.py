"""The embedded SDK's room of the ledger: search, verify, prove, export."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelwarden.audit import actions
from modelwarden.errors import NotReplicated, RollbackSuspected
from modelwarden.privacy import actions as privacy
from modelwarden.privacy.answers import erasure_answer, unlock_answer
from modelwarden.sinks.mirror import mirror
from modelwarden.values.external import as_sent
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from modelwarden.store.change import View
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
    from modelwarden.values.privacy import ErasureAnswer, UnlockAnswer
    from modelwarden.values.report import ReportAnswer
    from modelwarden.warden.bound import Bound


T = TypeVar("T")


class Audit:
    """The ledger: what happened, and the proof of it."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

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
        wanted = actions.as_filter(
            {
                "actor": actor,
                "subject": subject,
                "type": type,
                "severity": severity,
                "outcome": outcome,
                "tag": tag,
                "component": component,
                "text": text,
                "since": since,
                "until": until,
                "first": first,
                "last": last,
            }
        )
        page = Page(limit=limit, cursor=cursor)
        found = partial(actions.search, wanted=wanted, page=page, include_texts=include_texts)
        return self._read(found)

    def show(self, seq: int) -> EntryAnswer:
        """Return one entry with its hashes. Raises NotFound."""
        return self._read(partial(actions.entry, seq=seq))

    def history(
        self, model: str, version: str | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Listing[EntryAnswer]:
        """Return what happened to a model or version, newest first; reading the model is enough for it."""
        page = Page(limit=limit, cursor=cursor)
        return self._read(partial(actions.history, model=model, label=version, page=page))

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
        jobs: int | None = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> VerificationAnswer:
        """Verify a range, or the entries of a time, ends included; the result is itself recorded, while writes go on.

        Its truth value is `ok`, its `steps` say what was proved. `jobs` processes verify at once; None takes as many as
        there are cores, for a large ledger. A script that asks for them needs `if __name__ == "__main__":`. `progress`
        is told how many entries are done, of how many.
        """
        self._read(actions.require_verifier)
        answer = self._read(
            partial(
                actions.verify_database,
                first=first,
                last=last,
                since=since,
                until=until,
                strict=strict,
                state=state,
                trusted=checkpoint_keys,
                copies=self._bound.warden.copies(),
                work=actions.Work(jobs, progress or actions.quiet),
            )
        )
        record = partial(actions.record_verification, answer=answer)
        try:
            return self._bound.write(record, lambda _view, done: done)
        except (
            RollbackSuspected
        ):  # nothing is recorded then, and now of all times it has to be seen
            return answer

    def checkpoint(self) -> CheckpointAnswer:
        """Return a checkpoint over all that is committed, signed now. Raises NotPermitted."""
        self._bound.warden.sign()
        return self._read(actions.checkpoint)

    def prove(self, seq: int) -> ProofAnswer:
        """Return the proof that an entry is in the ledger, to be mailed to an auditor."""
        self._bound.warden.sign()
        return self._read(partial(actions.prove, seq=seq))

    def receipt(self, seq: int, *, wait_s: float = 0) -> ReceiptAnswer:
        """Return the receipt of an entry: its hashes and, once a checkpoint covers it, the proof of it.

        `wait_s` is how many seconds to wait for that checkpoint, at most 25; `proof` is None while there is none.
        Raises NotPermitted, NotFound, FilterInvalid.
        """
        until = time.monotonic() + actions.checked_wait(wait_s)
        found = self._receipt(seq)
        if found.proof is None and wait_s:
            with suppress(NotReplicated):  # it may be before the time is over
                self._bound.warden.sign()
            found = self._receipt(seq)
        while found.proof is None and (left_s := until - time.monotonic()) > 0:
            time.sleep(min(actions.LOOK_S, left_s))
            found = self._receipt(seq)
        return found

    def consistency(self, old: int, new: int | None = None) -> str:
        """Return the proof that the ledger of size `old` is the beginning of a later one. Raises SizeUnknown."""
        return self._read(partial(actions.consistency, old=old, new=new))

    def keys(self) -> tuple[str, ...]:
        """Return the keys that sign checkpoints, as text to pin."""
        return self._read(actions.vkeys)

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
        self._bound.warden.sign()
        prepare: Callable[..., actions.Leaving]
        if format == "folder":
            prepare = partial(actions.prepare_export, zipped=zipped)
        else:
            prepare = partial(actions.prepare_table, form=actions.form_named(format))
        asked: dict[str, Any] = {"first": first, "last": last, "since": since, "until": until}
        prepared = self._read(lambda view: prepare(view, Path(output), progress=progress, **asked))
        try:
            self._bound.write(
                partial(actions.record_export, prepared=prepared), lambda _view, done: done
            )
        except BaseException:
            prepared.discard()
            raise
        return prepared.release()

    def erase(
        self, user: str, *, basis: str, reason: str, scope: str = "identity"
    ) -> ErasureAnswer:
        """Erase a person, as two people agreed; `scope="authored"` takes what they wrote too.

        Raises PermitNeeded, PayloadChanged, AccountActive, AlreadyErased, NotPermitted.
        """
        action = partial(
            privacy.erase,
            user=user,
            basis=named(privacy.Basis, basis, field="basis"),
            reason=reason,
            scope=named(privacy.Scope, scope, field="scope"),
        )
        return self._bound.write(action, erasure_answer)

    def unlock_texts(
        self, *, identity: Sequence[str] = (), authored: Sequence[str] = (), reason: str
    ) -> UnlockAnswer:
        """Erase these people again and open all other texts from before the ledger began anew, as two people agreed.

        Raises PermitNeeded, PayloadChanged, AccountActive, NotPermitted, NotFound where nothing is locked.
        """
        action = partial(privacy.unlock_texts, identity=identity, authored=authored, reason=reason)
        return self._bound.write(action, unlock_answer)

    def erasures(self, *, limit: int = 50, cursor: str | None = None) -> Listing[ErasureAnswer]:
        """Return a page of erasures, newest first, those that wait for a hold too."""
        action = partial(privacy.erasures, page=Page(limit=limit, cursor=cursor))
        return self._bound.page(action, erasure_answer)

    def tiles(
        self, output: str | PathLike[str], *, progress: Callable[[int], None] | None = None
    ) -> MirrorAnswer:
        """Write the ledger as a static log (C2SP tlog-tiles); called again, what is new. Raises NotPermitted."""
        self._bound.warden.sign()

        def fetch(path: str) -> bytes:
            return self._read(partial(actions.static_file, path=path)).data

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
        if as_of is None:
            self._bound.warden.sign()
        found = self._read(partial(actions.report, since=start_date, until=end_date, as_of=as_of))
        if output_path is not None:
            form = actions.report_form(format, str(output_path))
            Path(output_path).write_bytes(actions.written(found, form))
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
        action = partial(actions.append, read=actions.as_records(records))
        return self._bound.write(action, lambda _change, done: done)

    def _receipt(self, seq: int) -> ReceiptAnswer:
        standing = self._bound.warden.standing(seq)
        return self._read(partial(actions.receipt, seq=seq, standing=standing))

    def _read(self, action: Callable[[View], T]) -> T:
        return self._bound.read(action, lambda _view, answer: answer)
