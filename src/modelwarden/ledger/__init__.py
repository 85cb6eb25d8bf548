"""The mathematics of the ledger: hashes, tree, checkpoints, envelopes, verification.

Pure: it reads no database, no file and no clock but the one that times a verification.
"""
