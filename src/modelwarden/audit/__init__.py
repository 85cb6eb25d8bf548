"""The audit room: search, history, verification, proofs, exports and reports of the ledger, and its backups.

It reads what other rooms recorded, and takes what other systems hand in to be recorded.
"""
