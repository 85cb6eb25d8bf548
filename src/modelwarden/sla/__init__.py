"""What is measured of models in use: definitions, and counts by the minute that reporters send (SL-9 to SL-19).

It promises that each part counts once, that silence is never read as success, and that a sealed hour stays as it was.
"""
