"""The tables, one file for a group of rooms. Each says its class: governed, attached, text, telemetry or plumbing."""
