"""GitHub as a system of record: who reviewed a release's pull request there, and whose review counts (RL-47, RL-48)."""
