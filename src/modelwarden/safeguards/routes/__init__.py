"""Which version of a model answers where: one route for each model and environment, as guards get it (SG-30).

Rooms above say when a route moves; here it is kept, told, and read by whoever builds snapshots.
"""
