"""Everything that can be recorded, one file a room. Types are never reused or removed (LG-5)."""
