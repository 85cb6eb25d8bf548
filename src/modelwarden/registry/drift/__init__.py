"""What a version's features looked like when it was registered: frozen edges and counts (SG-49).

Drift is found elsewhere: by guards, which count, and by `safeguards.drift`, which compares.
"""
