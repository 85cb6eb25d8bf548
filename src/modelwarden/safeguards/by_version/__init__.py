"""What guards count by version, in slots of ten seconds: what a rollout is judged by (RL-37).

Kept for two hours: whoever compares versions looks back an hour at most. One worker among many has no more to say than
a few others together, as with all that guards count (SG-41).
"""
