"""The audit room: search, history, verification, proofs and exports of the ledger, and its backups.

It reads what other rooms recorded and writes facts about that alone. What it leaves out as yet: free text, records from
other systems, erasure, reports.
"""
