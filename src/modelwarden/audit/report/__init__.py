"""Reports over a period of the ledger: counted from its index, the same bytes for the same period and size."""
