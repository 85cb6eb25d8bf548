"""What guards count, by the minute: from the totals in their heartbeats (SG-41, SG-47). It judges no model by itself.

Telemetry: nothing here is proof, and a guard's token is believed about its own models. One worker among many is not
believed more than a few others together.
"""
