"""Drift on the server: counts of guards, added up by minute, and how far they lie from the reference (SG-49, SG-50).

It holds no row of anybody's, and decides nothing: what an index means for a model is the triggers' to say.
"""
