"""What happened to one switch, step by step, each with the entry that records it. Reads alone."""
