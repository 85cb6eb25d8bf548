"""Kill switches on the server: who stops what, and who lets it go on. It builds no snapshots, and pulls no trigger."""
