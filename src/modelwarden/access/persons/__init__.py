"""The human behind an account, a key, a name: read for many at once, as of now (AC-2, AC-17)."""
