"""Models and their immutable versions, named by digests; metrics, history, retirement."""
