"""The program as one object: database, clock, keys, and the rooms bound to an actor."""
