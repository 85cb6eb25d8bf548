"""Triggers: they judge what guards count, and note, propose or activate switches. They release nothing (SG-47, SG-48).

How a signal is measured is its source's to say; who hears of a firing is for what follows the ledger.
"""
