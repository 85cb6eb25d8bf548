"""The REST API: each route parses, calls one action, and shapes the answer. Nothing is decided here."""
