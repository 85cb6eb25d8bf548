"""Drills: faults put into predictions on purpose, for a while, and what came of them (SG-53, SG-54).

It tells guards whom to strike and writes the report. What strikes is the guard's own; what fires is the triggers'.
"""
