"""Versioned, content-hashed policy documents: which seats, which checks, which rollout."""
