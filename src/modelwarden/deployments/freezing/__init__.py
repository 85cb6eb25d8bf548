"""Times in which nothing goes forward: added and lifted by people, in the ledger (RL-36)."""
