"""The guard: what stands in a host's own process around each prediction.

Importing it needs the standard library alone, and no lock is held while the host's code runs. It knows no server: what
is allowed reaches it as a signed snapshot.
"""
