"""Use cases: who wrote them, what they link, and what they force on models (RL-8 to RL-11)."""
