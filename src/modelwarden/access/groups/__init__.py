"""Groups: sets of people whom seats name (AC-7). A group gives no right by itself."""
