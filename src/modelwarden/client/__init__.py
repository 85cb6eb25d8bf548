"""The remote SDK: the embedded surface over HTTP."""
