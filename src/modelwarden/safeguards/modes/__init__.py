"""How the guards of one model behave: without news, and whether their breakers only count (SG-21, SG-41)."""
