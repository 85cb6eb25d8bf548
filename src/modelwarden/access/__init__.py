"""Who may do what, and who may not do it with whom: actors, roles, duties, permits, credentials."""
