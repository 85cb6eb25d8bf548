"""What runs inside other people's programs, around a prediction: switches, routes, snapshots.

Importing it needs the standard library alone. It promises that an unreachable control plane changes nothing, that no
lock is held while the host's code runs, and that what it can't read blocks. It decides nothing about people.
"""
