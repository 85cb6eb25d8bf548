"""Copies of the ledger elsewhere: followers that carry entries out, and the reading of what they left for verification.

Each kind has a file: it opens a sink (what writes) and a copy (what reads it back). Sinks never skip an entry; they say
how far the far end holds entries for good, and go on from there. What it leaves out: endpoints for people and programs
that want news, which may miss some (`notify`).
"""
