"""Figures of switches and guards for `/metrics`."""
