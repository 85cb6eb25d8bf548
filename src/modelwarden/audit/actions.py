"""What an actor can do with the ledger, and read of it; doors import this file alone."""

from __future__ import annotations

from modelwarden.audit.backups import PreparedBackup as PreparedBackup
from modelwarden.audit.backups import prepare_backup as prepare_backup
from modelwarden.audit.backups import record_backup as record_backup
from modelwarden.audit.export import Leaving as Leaving
from modelwarden.audit.export import PreparedExport as PreparedExport
from modelwarden.audit.export import prepare_export as prepare_export
from modelwarden.audit.export import record_export as record_export
from modelwarden.audit.ingestion import append as append
from modelwarden.audit.offline import verify_export as verify_export
from modelwarden.audit.offline_proof import verify_proof as verify_proof
from modelwarden.audit.proofs import checkpoint as checkpoint
from modelwarden.audit.proofs import consistency as consistency
from modelwarden.audit.proofs import prove as prove
from modelwarden.audit.proofs import vkeys as vkeys
from modelwarden.audit.reads import authorize_somewhere as authorize_somewhere
from modelwarden.audit.reads import entry as entry
from modelwarden.audit.reads import history as history
from modelwarden.audit.reads import may_read as may_read
from modelwarden.audit.reads import may_read_some as may_read_some
from modelwarden.audit.reads import search as search
from modelwarden.audit.receipts import LOOK_S as LOOK_S
from modelwarden.audit.receipts import checked_wait as checked_wait
from modelwarden.audit.receipts import receipt as receipt
from modelwarden.audit.record import as_records as as_records
from modelwarden.audit.report.totals import report as report
from modelwarden.audit.report.writing import report_form as report_form
from modelwarden.audit.report.writing import written as written
from modelwarden.audit.scrub import Scrub as Scrub
from modelwarden.audit.seal import Seal as Seal
from modelwarden.audit.seal import is_broken as is_broken
from modelwarden.audit.seal import seal as seal
from modelwarden.audit.search import EntryFilter as EntryFilter
from modelwarden.audit.search import as_filter as as_filter
from modelwarden.audit.search import types_of as types_of
from modelwarden.audit.tables import PreparedTable as PreparedTable
from modelwarden.audit.tables import form_named as form_named
from modelwarden.audit.tables import prepare_table as prepare_table
from modelwarden.audit.tiles import StaticFile as StaticFile
from modelwarden.audit.tiles import static_file as static_file
from modelwarden.audit.verifying import record_verification as record_verification
from modelwarden.audit.verifying import require_verifier as require_verifier
from modelwarden.audit.verifying import verify_database as verify_database
from modelwarden.store.workers import Work as Work
from modelwarden.store.workers import quiet as quiet
